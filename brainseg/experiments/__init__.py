"""From a recipe to a run and its record."""
