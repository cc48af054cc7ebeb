"""Networks run by ONNX Runtime: they answer without Keras, and without the seconds that its start takes."""

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from brainseg.errors import BrainsegError
from brainseg.models.predict import Answer

onnxruntime.disable_telemetry_events()


def opened(content: bytes) -> Answer:
    """A network in a file of :func:`brainseg.models.exchange.to_onnx`, ready to be asked; it computes on processors.

    Its probabilities differ from Keras's by rounding, less than 1e-5. They are the same however many images are asked
    about at once.

    Raises:
        BrainsegError: If ONNX Runtime cannot open it.
    """
    options: Any = onnxruntime.SessionOptions()
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    # Its threads wait asleep: where other processes compute, waiting awake takes twice as long.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # those of ONNX Runtime have no other class in common
        raise BrainsegError(f"received no network that ONNX Runtime opens, export it again: {error}") from error
    ((image,), (probability,)) = session.get_inputs(), session.get_outputs()

    def answer(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run([probability.name], {image.name: images})[0])

    return answer
