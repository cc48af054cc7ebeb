"""What the methods ask about: scores of images and their derivatives, whatever computes them."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Explained(Protocol):
    """A score of each image: :class:`brainseg.saliency.target.Target`, or the same computed by ONNX Runtime."""

    @property
    def images(self) -> Array:
        """(n, h, w, channels), 0 to 1."""

    @property
    def batch_size(self) -> int:
        """Images that are computed at once; more take more memory."""

    def score(self, images: Array | None = None, rows: Any = slice(None)) -> Array:
        """Score of each image, (n,).

        Args:
            images: Others than the target's own, for instance changed ones.
            rows: For each of them, the target's image whose region counts.
        """

    def gradient(self, images: Array | None = None, rows: Any = slice(None)) -> Array:
        """Derivatives of each image's score with respect to its values, (n, h, w, channels), as :meth:`score`."""

    def features(self, layer: str | None = None) -> tuple[Array, Array]:
        """Output of the layer of that name for each image, and the derivatives of its score with respect to it.

        The output may reach the answer on several ways, through skip connections too; all of them count.

        Args:
            layer: None: see :func:`brainseg.saliency.cam.coarsest_layer`.
        """
