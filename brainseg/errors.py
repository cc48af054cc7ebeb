"""The one exception that a user is meant to read."""


class BrainsegError(Exception):
    """An error whose message says what was received, what was expected and what to do.

    The command line prints the message as one line and exits with status 2.
    """
