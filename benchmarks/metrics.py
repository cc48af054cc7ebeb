"""Scores of 1,000 pairs of masks: this package, and MONAI."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Race, Side, Work

COUNT, SIZE = 1000, 128
SCORES = {"dice": "Dice", "iou": "IoU", "hd95_px": "HD95", "surface_dice": "surface Dice"}


def races() -> list[Race]:
    """Every score that both have."""
    return [
        Race(
            "metrics",
            title,
            Side("brainseg", "metrics:ours", {"score": score}),
            (Side("MONAI", "metrics:monai", {"score": score}, "torch"),),
            rounds=5,
        )
        for score, title in SCORES.items()
    ]


def pairs(count: int = COUNT, size: int = SIZE) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Predicted and true masks, (count, size, size): ellipses, a few pixels apart."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]

    def ellipses(centres: NDArray[Any], radii: NDArray[Any]) -> NDArray[np.uint8]:
        places = zip(centres, radii, strict=True)
        inside = [((x - a) / c) ** 2 + ((y - b) / d) ** 2 <= 1 for (a, b), (c, d) in places]
        return np.array(inside, np.uint8)

    centres, radii = random.uniform(40, size - 40, (count, 2)), random.uniform(6, 20, (count, 2))
    shifted = centres + random.normal(0, 3, centres.shape)
    return ellipses(shifted, radii + random.uniform(-1, 1, radii.shape)), ellipses(centres, radii)


def ours(score: str) -> Work:
    """A function of :mod:`brainseg.scores.metrics`."""
    from brainseg.scores import metrics

    prediction, truth = pairs()
    function = getattr(metrics, score)
    return lambda: function(prediction, truth)


def monai(score: str) -> Work:
    """The function of MONAI, which takes a tensor with a channel for each class."""
    import torch
    from monai import metrics  # type: ignore[import-not-found]

    torch.set_num_threads(1)
    prediction, truth = (torch.from_numpy(masks)[:, None] for masks in pairs())
    everything = {"include_background": True}
    functions = {
        "dice": lambda: metrics.compute_dice(prediction, truth),
        "iou": lambda: metrics.compute_iou(prediction, truth),
        "hd95_px": lambda: metrics.compute_hausdorff_distance(prediction, truth, percentile=95, **everything),
        "surface_dice": lambda: metrics.compute_surface_dice(prediction, truth, [1.0], **everything),
    }
    return lambda: functions[score]().numpy()[:, 0]
