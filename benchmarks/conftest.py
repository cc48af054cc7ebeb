"""What pytest does not import here: the modules of peers that are not installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["pytorch.py"]
