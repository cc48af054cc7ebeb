"""What the attention lets through, place by place."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from brainseg.backend import keras


def attention_maps(
    model: "keras.Model", images: NDArray[np.float32], batch_size: int = 32
) -> dict[str, NDArray[np.float32]]:
    """Attention maps of a model: of its gates, or of its spatial attention.

    Returns:
        By the name of what is weighted, finest first (``gate_1`` or ``spatial_1`` is the skip connection at full
        resolution, ``spatial_pyramid`` is in DeepLab): maps (n, h, w), 0 (nothing passes) to 1 (everything). Empty for
        a model without attention or with channel attention, which weights all places alike.

    >>> from brainseg.models import build
    >>> images = np.zeros((1, 16, 16, 3), np.float32)
    >>> {name: maps.shape for name, maps in attention_maps(build("unet", size=16, width=2), images).items()}
    {'gate_1': (1, 16, 16), 'gate_2': (1, 8, 8), 'gate_3': (1, 4, 4), 'gate_4': (1, 2, 2)}
    """
    from brainseg.backend import keras

    names = sorted(layer.name for layer in model.layers if layer.name.endswith("_map"))
    if not names:
        return {}
    inner = keras.Model(model.input, {name: model.get_layer(name).output for name in names})
    batches = [inner(images[i : i + batch_size], training=False) for i in range(0, len(images), batch_size)]
    return {
        name.removesuffix("_map"): np.concatenate([keras.ops.convert_to_numpy(b[name])[..., 0] for b in batches])
        for name in names
    }
