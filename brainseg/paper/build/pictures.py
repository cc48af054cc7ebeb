"""How far two drawn pictures are apart."""

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.errors import BrainsegError

SIDE = 32
"""Pictures are shrunk to this height and width: a tick label more or less moves everything by a pixel or two."""


def distance(reference: bytes, output: bytes) -> float:
    """Share of the ink that is not in the same place and of the same colour in both pictures.

    Ink is what a pixel lacks to white, in each colour. The distance is that of Bray and Curtis: the sum of the
    differences over the sum of all ink. It does not depend on how much of a picture is empty.

    Args:
        reference, output: PNG or JPEG files.

    Returns:
        0 for equal pictures, 1 if one of them is empty or nothing coincides.

    Raises:
        BrainsegError: If one of them is no picture.

    >>> def drawn(column):
    ...     picture = np.full((192, 192, 3), 255, np.uint8)
    ...     picture[:, column : column + 16] = 0
    ...     return cv2.imencode(".png", picture)[1].tobytes()
    >>> distance(drawn(32), drawn(32)), distance(drawn(32), drawn(96)), round(distance(drawn(32), drawn(36)), 2)
    (0.0, 1.0, 0.25)
    """
    one, other = _ink(reference), _ink(output)
    everything = float((one + other).sum())
    return float(np.abs(one - other).sum()) / everything if everything else 0.0


def _ink(picture: bytes) -> NDArray[np.float64]:
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED) if picture else None
    if pixels is None:
        raise BrainsegError(f"received {len(picture)} bytes that are no picture, expected a PNG or JPEG file")
    colours = np.atleast_3d(pixels).astype(np.float64) / 255
    opacity = colours[..., 3:] if colours.shape[-1] == 4 else 1.0
    ink = opacity * (1 - colours[..., :3])
    return np.atleast_3d(cv2.resize(ink, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
