"""What the study's notebook tells of how it was run: the order of its cells, and the time of a training step."""

import pandas as pd

STEP_MS = {"unet": 242, "linknet": 213, "segnet": 211, "deeplab": 229}
"""Milliseconds for a step of training with 32 images on the study's graphics processor, as its notebook prints them."""

PREDICT_MS = (16, 18)
"""Milliseconds that one image takes there, from and to, with every network."""

UNDEFINED = {"deeplab": ("annotation_data", "trained_model", "generate_mask")}
"""Names that the last cells of a network call and that nothing in the notebook defines. The cells hold output."""

_CELLS = """
part     cell         counts
data     data         1 2 3 4 5 6 7 10 12 12 20 21
gate     gate         13
unet     built        70 71 16 72 16 73
unet     trained      74
unet     saved        24
unet     saliency     26
unet     predictions  27 28 29 30 31
linknet  built        57 58 59 62
linknet  trained      63
linknet  saliency     37
linknet  predictions  39
segnet   built        40 68
segnet   trained      69
segnet   saliency     44
segnet   predictions  46
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
    (45, False, [12, 16])
    """
    lines = (line.split(maxsplit=2) for line in _CELLS.strip().splitlines()[1:])
    rows = [(part, cell, int(count)) for part, cell, counts in lines for count in counts.split()]
    return pd.DataFrame(rows, columns=["part", "cell", "count"])


def shown_before_trained() -> list[str]:
    """Networks whose maps and predictions all have smaller counts than the training whose numbers are quoted.

    >>> shown_before_trained()
    ['unet', 'linknet', 'segnet']
    """
    table = cells().groupby(["part", "cell"], sort=False)["count"].max().unstack("cell")
    shown = table[["saliency", "predictions"]].max(axis=1)
    return [str(part) for part in table.index if shown[part] < table.loc[part, "trained"]]
