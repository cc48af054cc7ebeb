"""A picture of one's own: read, answered by a network that comes with the package, explained."""
