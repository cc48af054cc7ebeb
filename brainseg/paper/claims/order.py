"""What the study's notebook tells of how it was run: the order of its cells, and how long some took."""

import pandas as pd

STEP_MS = {"unet": 242, "linknet": 213, "segnet": 211, "deeplab": 229}
"""Milliseconds for a step of training with 32 images on the study's graphics processor, as its notebook prints them."""

PREDICT_MS = (16, 18)
"""Milliseconds that one image takes there, from and to, with every network, after its first call."""

UNDEFINED = {
    "deeplab": (
        *("annotation_data", "image_base_path", "trained_model"),
        *("generate_mask", "calculate_iou", "calculate_dice"),
    )
}
"""Names that the last cells of a network use and that nothing in the notebook defines. The cells hold output."""

_TIMES = {
    "unet": ("20:23", "21:26"),
    "linknet": ("20:39", "21:06"),
    "segnet": ("20:42", "21:22"),
    "deeplab": ("21:35", "20:52"),
}
"""When the last cell with pictures, and the training whose numbers are quoted, were begun, as the notebook's file keeps
it: on 9 December 2024, in UTC."""

_CELLS = """
part     cell         counts
data     data         1 2 3 4 5 6 7 10 12 12 20 21
gate     gate         13
unet     built        70 71 16 72 16 73
unet     trained      74
unet     saved        24
unet     saliency     25 26
unet     predictions  27 28 29 30 31
linknet  built        57 58 59 62
linknet  trained      63
linknet  saliency     37
linknet  predictions  38 39
segnet   built        40 68
segnet   trained      69
segnet   saliency     44
segnet   predictions  45 46
deeplab  built        52 53
deeplab  trained      54
deeplab  saliency     76
deeplab  predictions  77 78
"""


def cells() -> pd.DataFrame:
    """The code cells of the study's notebook from top to bottom: ``part``, ``cell`` and execution ``count``.

    Within a session, counts go up: the smaller, the earlier. A cell shows the count of the last time that it was run. A
    count that stands twice was not given twice in one session.

    >>> counts = cells()["count"]
    >>> len(counts), bool(counts.is_monotonic_increasing), counts[counts.duplicated()].tolist()
    (48, False, [12, 16])
    """
    lines = (line.split(maxsplit=2) for line in _CELLS.strip().splitlines()[1:])
    rows = [(part, cell, int(count)) for part, cell, counts in lines for count in counts.split()]
    return pd.DataFrame(rows, columns=["part", "cell", "count"])


def minutes_before_training() -> dict[str, int]:
    """How many minutes before the training whose numbers are quoted a network's pictures were made, where they were.

    >>> minutes_before_training()
    {'unet': 63, 'linknet': 27, 'segnet': 40}
    """
    minutes = {
        model: int((pd.Timestamp(trained) - pd.Timestamp(pictures)).total_seconds() // 60)
        for model, (pictures, trained) in _TIMES.items()
    }
    return {model: before for model, before in minutes.items() if before > 0}
