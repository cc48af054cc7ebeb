"""Graphs run by ONNX Runtime: networks answer without Keras, and without the seconds that its start takes."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from brainseg.errors import BrainsegError
from brainseg.models.predict import Answer

onnxruntime.disable_telemetry_events()

TOGETHER = 4
"""Images that one thread computes at once; with more, features do not stay in a processor's cache."""

Array = NDArray[np.float32]
Compute = Callable[..., list[Array]]
"""A graph as a function: of its inputs to its outputs, both in their order."""


def opened(content: bytes) -> Answer:
    """A network in a file of :func:`brainseg.models.exchange.to_onnx`, ready to be asked; it computes on processors.

    Its probabilities differ from Keras's by rounding, less than 1e-5. They are the same however many images are asked
    about at once.

    Raises:
        BrainsegError: If ONNX Runtime cannot open it.
    """
    compute = computing(content)
    return lambda images: compute(images)[0]


def computing(content: bytes) -> Compute:
    """A graph in an ONNX file, ready to be computed: by all cores, each with some of the images.

    Raises:
        BrainsegError: If ONNX Runtime cannot open it.
    """
    options: Any = onnxruntime.SessionOptions()
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # those of ONNX Runtime have no other class in common
        raise BrainsegError(f"received no network that ONNX Runtime opens, export it again: {error}") from error
    inputs, outputs = ([one.name for one in ends] for ends in (session.get_inputs(), session.get_outputs()))

    def compute(some: Iterable[Array]) -> list[Array]:
        return list(session.run(outputs, dict(zip(inputs, some, strict=True))))

    def compute_in_parts(*arrays: Array) -> list[Array]:
        number, cores = len(arrays[0]), os.cpu_count() or 1
        size = min(TOGETHER, -(-number // cores))
        parts = [[array[i : i + size] for array in arrays] for i in range(0, number, size)]
        with ThreadPoolExecutor(cores) as threads:
            return [np.concatenate(pieces) for pieces in zip(*threads.map(compute, parts), strict=True)]

    return compute_in_parts
