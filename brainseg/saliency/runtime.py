"""What is explained, computed by ONNX Runtime from a network's file, without the seconds that Keras takes to start."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from brainseg.models.derivative import coarsest, derivative
from brainseg.models.restricted import Window, bounding_window, restricted
from brainseg.models.runtime import Compute, computing
from brainseg.saliency.explained import Array


@dataclass(frozen=True, eq=False)
class RuntimeTarget:
    """As :class:`brainseg.saliency.target.Target`: the score of each image is the sum of its logits over a region.

    Of the logits, only those in a window around all regions are computed.

    Attributes:
        content: A file of :func:`brainseg.models.exchange.to_onnx`.
        images: What the network takes, (n, h, w, channels), 0 to 1.
        weights: Of each logit in the sum, (n, h, w); in each image one or more are not zero.
        batch_size: Images that are computed at once; more take more memory.
    """

    content: bytes
    images: Array
    weights: Array
    batch_size: int = 8

    def score(self, images: Array | None = None, rows: Any = slice(None)) -> Array:
        """See :class:`brainseg.saliency.explained.Explained`."""
        seen, compute = np.s_[:, *(slice(axis.start, axis.stop) for axis in self._window)], self._logits
        batches = self._batches(images, rows)
        return np.concatenate([(compute(x)[0][:, 0] * weight[seen]).sum(axis=(1, 2)) for x, weight in batches])

    def gradient(self, images: Array | None = None, rows: Any = slice(None)) -> Array:
        """See :class:`brainseg.saliency.explained.Explained`."""
        derive = self._derivative
        return np.concatenate([derive(x, weight[..., np.newaxis])[1] for x, weight in self._batches(images, rows)])

    def features(self, layer: str | None = None) -> tuple[Array, Array]:
        """See :class:`brainseg.saliency.explained.Explained`."""
        derive = computing(derivative(self.content, layer or coarsest(self.content)))
        pairs = [derive(x, weight[..., np.newaxis]) for x, weight in self._batches()]
        values, gradients = (np.concatenate(part) for part in zip(*pairs, strict=True))
        return values, gradients

    @cached_property
    def _window(self) -> Window:
        return bounding_window(self.weights.max(axis=0))

    @cached_property
    def _logits(self) -> Compute:
        return computing(restricted(self.content, self._window))

    @cached_property
    def _derivative(self) -> Compute:
        return computing(derivative(self.content))

    def _batches(self, images: Array | None = None, rows: Any = slice(None)) -> Iterator[tuple[Array, Array]]:
        images, weights = self.images if images is None else images, self.weights[rows]
        for i in range(0, len(images), self.batch_size):
            yield images[i : i + self.batch_size], weights[i : i + self.batch_size]
