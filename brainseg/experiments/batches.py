"""What the models are fed: images and masks of some rows, in batches, varied at random if asked for."""

import numpy as np
from numpy.typing import NDArray

from brainseg.backend import keras
from brainseg.experiments.recipe import Augmentation
from brainseg.models import as_input

CHUNK = 128
"""Images that are augmented at once; more take more memory."""


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Images and masks, a batch at a time, in the given order.

    Images become (b, size, size, 3), float32 in 0 to 1, three equal channels as in the study; masks (b, size, size, 1),
    float32, 0 or 1.

    Args:
        images: Grey images, (n, size, size), uint8.
        masks: Binary masks of the same shape, uint8.
        batch_size: Images per batch; the last one may be smaller.
    """

    def __init__(self, images: NDArray[np.uint8], masks: NDArray[np.uint8], batch_size: int) -> None:
        # With two workers Keras prepares the batches. With one, TensorFlow does, and its thread that tunes this can let
        # the end of an epoch wait for seconds (TensorFlow 2.21: until 5, 10, 20 or 41 seconds after its start).
        super().__init__(workers=2)
        self.images, self.masks, self.batch_size = images, masks, batch_size

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        batch = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return as_input(self.images[batch]), self.masks[batch].astype(np.float32)[..., np.newaxis]


def augment(
    images: NDArray[np.uint8], masks: NDArray[np.uint8], augmentation: Augmentation, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Vary images at random, and their masks with them; masks stay 0 and 1.

    Args:
        images: Grey images, (n, size, size), 0 to 255.
        masks: Binary masks of the same shape.
        augmentation: What may change, and how much.
        seed: The same seed gives the same changes.

    >>> mask = np.zeros((1, 8, 8), np.uint8)
    >>> mask[0, 2:5, 1:4] = 1
    >>> only_mirrored = Augmentation(rotation=0, zoom=0, shift=0, contrast=0)
    >>> image, moved = augment(255 * mask, mask, only_mirrored, seed=1)
    >>> bool((image == 255 * moved).all()), int(moved.sum())
    (True, 9)
    """
    pipeline = _pipeline(augmentation, seed)
    varied = [_varied(pipeline, images[i : i + CHUNK], masks[i : i + CHUNK]) for i in range(0, len(images), CHUNK)]
    return np.concatenate([image for image, _ in varied]), np.concatenate([mask for _, mask in varied])


def _varied(
    pipeline: "keras.layers.Pipeline", images: NDArray[np.uint8], masks: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    image, mask = (array[..., np.newaxis].astype(np.float32) for array in (images, masks))
    varied = pipeline({"images": image, "segmentation_masks": mask}, training=True)
    image, mask = (keras.ops.convert_to_numpy(varied[name])[..., 0] for name in ("images", "segmentation_masks"))
    return np.rint(image).clip(0, 255).astype(np.uint8), mask.astype(np.uint8)


def _pipeline(augmentation: Augmentation, seed: int) -> "keras.layers.Pipeline":
    layers = keras.layers
    steps = [layers.RandomFlip("horizontal_and_vertical", seed=seed)]
    if augmentation.rotation:
        steps.append(layers.RandomRotation(augmentation.rotation, fill_mode="constant", seed=seed + 1))
    if augmentation.zoom:
        steps.append(layers.RandomZoom(augmentation.zoom, fill_mode="constant", seed=seed + 2))
    if augmentation.shift:
        steps.append(layers.RandomTranslation(*[augmentation.shift] * 2, fill_mode="constant", seed=seed + 3))
    if augmentation.contrast:
        steps.append(layers.RandomContrast(augmentation.contrast, value_range=(0, 255), seed=seed + 4))
    return layers.Pipeline(steps)
