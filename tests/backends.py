"""Running tests and scripts on the backends that are not the one of this process."""

import os
import subprocess
import sys
from importlib.util import find_spec

from brainseg.backend import BACKENDS, keras

OTHER_BACKENDS = [name for name, package in BACKENDS.items() if find_spec(package) and name != keras.backend.backend()]


def on_backend(backend: str, *command: str) -> str:
    """Run Python in a process of its own with another backend; what it printed."""
    environment = os.environ | {"KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
