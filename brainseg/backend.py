"""Keras and its backend: the only module that names TensorFlow, JAX or PyTorch.

Every other module takes Keras from here (``from brainseg.backend import keras``), so that the settings that
only count before the first import are always made.

The backend is the one named in the environment variable ``KERAS_BACKEND``. Where that is not set, it is the
first of TensorFlow, JAX and PyTorch that is installed; ``~/.keras/keras.json`` is not asked, because a file
in somebody's home does not travel with the book.
"""

import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brainseg.errors import BrainsegError

BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
"""The name of each backend in Keras, and the Python package that it needs."""

THREADS = "TF_NUM_INTRAOP_THREADS"
"""Environment variable: processor threads of one TensorFlow operation. Set to 1 unless it is set already: small models
run faster so, with a process for each core, and sums keep their order whatever the number of cores."""


def choose_backend() -> str:
    """Name the Keras backend to use: ``KERAS_BACKEND``, or else the first one that is installed.

    Raises:
        BrainsegError: If no backend is installed, or the one asked for is not.
    """
    installed = [name for name, package in BACKENDS.items() if importlib.util.find_spec(package)]
    wanted = os.environ.get("KERAS_BACKEND") or (installed[0] if installed else None)
    if wanted is None:
        raise BrainsegError(
            f"Keras has no backend: none of {', '.join(BACKENDS)} is installed; "
            "install one, for instance with: pip install 'brainseg[tensorflow]'"
        )
    if wanted not in installed:
        raise BrainsegError(
            f"KERAS_BACKEND is {wanted!r}, which is not installed; expected one of: {', '.join(installed)}"
        )
    return wanted


@contextmanager
def _quiet() -> Iterator[None]:
    """Let nothing through to standard error, not even from native code; exceptions still pass.

    TensorFlow greets with a dozen lines on its settings and the graphics card that is not there. Its own switch,
    ``TF_CPP_MIN_LOG_LEVEL``, takes effect only after them.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


INSTRUCTIONS = "ONEDNN_MAX_CPU_ISA"
"""Environment variable: the newest instructions that convolutions may use. Set to AVX2 unless it is set already: with
newer ones, sums of gradients come in another order, and a training differs between processors that have them or not.
Half precision needs them, see :func:`uncapped`."""

os.environ["KERAS_BACKEND"] = choose_backend()
os.environ.setdefault(THREADS, "1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # else off on AMD processors, at half the speed
os.environ.setdefault(INSTRUCTIONS, "AVX2")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

with _quiet():
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.list_physical_devices()
        tensorflow.get_logger().setLevel("ERROR")  # it warns where several models are traced one after another

__all__ = [
    "BACKENDS",
    "bfloat16",
    "choose_backend",
    "configure",
    "describe",
    "keras",
    "onednn",
    "processor",
    "uncapped",
]


def configure(seed: int, threads: int | None = None) -> None:
    """Make what follows repeatable: seed every global generator and ask for deterministic operations.

    Args:
        seed: For Python, NumPy and the backend.
        threads: Processor threads that one operation may use; None leaves what is set: one with TensorFlow, see
            :data:`THREADS`, and all cores with the others. The number of threads changes the order of sums, and with it
            the last digits of a result. It can be set only before the backend has computed anything. JAX has no such
            setting: set the affinity of the process instead (``taskset``).

    Raises:
        BrainsegError: If the number of threads can no longer be set, or not at all.
    """
    keras.utils.set_random_seed(seed)
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        if threads is not None and tf.config.threading.get_intra_op_parallelism_threads() != threads:
            try:
                tf.config.threading.set_intra_op_parallelism_threads(threads)
            except RuntimeError as error:
                raise BrainsegError(
                    f"{threads} threads asked for, but TensorFlow has already started: "
                    "set the number of threads before the first model is built"
                ) from error
    elif backend == "torch":
        import torch

        torch.use_deterministic_algorithms(True, warn_only=True)
        if threads is not None:
            torch.set_num_threads(threads)
    elif threads is not None:
        raise BrainsegError(f"{threads} threads asked for, but {backend} cannot be told; use taskset instead")


@contextmanager
def uncapped() -> Iterator[None]:
    """Let processes that are started meanwhile use all instructions of the processor."""
    kept = os.environ[INSTRUCTIONS]
    os.environ[INSTRUCTIONS] = "DEFAULT"
    try:
        yield
    finally:
        os.environ[INSTRUCTIONS] = kept


def bfloat16() -> bool:
    """Whether this process can compute in bfloat16.

    Raises:
        BrainsegError: If no process on this machine can, at a speed that is worth it.
    """
    if keras.backend.backend() != "tensorflow":
        return True
    flags = _of_processor("flags")
    if not {"avx512_bf16", "amx_bf16"} & set(flags[0].split() if flags else []):
        raise BrainsegError(
            f"bfloat16 asked for, but {processor()} has neither avx512_bf16 nor amx_bf16: choose a scale that computes "
            "in float32, quick or small, or another machine"
        )
    return os.environ[INSTRUCTIONS] != "AVX2"


def onednn() -> bool:
    """Whether TensorFlow convolves by oneDNN, which alone can differentiate a dilated convolution on a processor."""
    known = platform.machine().lower() in {"x86_64", "amd64"}
    return keras.backend.backend() == "tensorflow" and known and os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"


def describe() -> dict[str, str]:
    """What computes: backend, versions, device and the settings that change the last digits."""
    backend = keras.backend.backend()
    device = processor()
    if backend == "tensorflow":
        import tensorflow as tf

        version = tf.__version__
        if accelerators := tf.config.list_physical_devices("GPU"):
            details = tf.config.experimental.get_device_details(accelerators[0])
            device = details.get("device_name", "GPU")
        threads = tf.config.threading.get_intra_op_parallelism_threads() or int(os.environ[THREADS])
    elif backend == "jax":
        import jax

        version = jax.__version__
        device = device if jax.default_backend() == "cpu" else jax.devices()[0].device_kind
        threads = os.cpu_count()
    else:
        import torch

        version = torch.__version__
        if torch.cuda.is_available():
            device = torch.cuda.get_device_name(0)
        threads = torch.get_num_threads()
    return {
        "keras": keras.version(),
        "backend": f"{backend} {version}",
        "device": device,
        "threads": str(threads),
        "onednn": os.environ["TF_ENABLE_ONEDNN_OPTS"],
        "instructions": os.environ[INSTRUCTIONS],
    }


def processor() -> str:
    """The name of this machine's processor."""
    names = _of_processor("model name")
    return names[0] if names else platform.processor()


def _of_processor(key: str) -> list[str]:
    """What Linux says of each core."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    return [line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key]
