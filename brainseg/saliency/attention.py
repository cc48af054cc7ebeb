"""The attention gates' own maps, as large as the image."""

from brainseg.errors import BrainsegError
from brainseg.models.attention import attention_maps
from brainseg.saliency.cam import enlarged
from brainseg.saliency.target import Array, Target


def attention(target: Target) -> Array:
    """What the finest attention gate lets through, 0 (nothing) to 1 (everything), enlarged to the image.

    It is the same whatever region is explained: a gate is part of the model, not an explanation of an answer.

    Args:
        target: Its region is not used.
    """
    maps = attention_maps(target.model, target.images, target.batch_size)
    if not maps:
        raise BrainsegError(f"{target.model.name} has no attention maps: build it with attention 'gate' or 'spatial'")
    return enlarged(next(iter(maps.values())), target)
