"""What the study's notebook tells of how it was run: the order of its cells, and the time of a step of training."""

import io

import pandas as pd

UNDEFINED = {"deeplab": ("annotation_data", "trained_model", "generate_mask")}
"""Names that the last cells of a network call and that nothing in the notebook defines, although the cells hold output."""

STEP_MS = {"unet": 242, "linknet": 213, "segnet": 211, "deeplab": 229}
"""Milliseconds for a step of training with 32 images, as the study's notebook prints them, on its graphics processor."""

_COUNTS = """
model    compiled  trained  saliency  predictions
unet     72        74       26        27
linknet  62        63       37        39
segnet   68        69       44        46
deeplab  53        54       76        77
"""


def execution_counts() -> pd.DataFrame:
    """Execution counts of the study's notebook, one row per network.

    A count says when a cell was run last: the smaller, the earlier. From top to bottom, a notebook that was run in order
    has rising counts.

    Returns
    -------
    DataFrame
        Columns ``compiled`` (the last cell before the training), ``trained`` (the training whose log is stored),
        ``saliency`` (the map that is shown) and ``predictions`` (the first cell that shows some).

    Examples
    --------
    >>> counts = execution_counts()
    >>> (counts["saliency"] < counts["trained"]).tolist()
    [True, True, True, False]
    """
    return pd.read_csv(io.StringIO(_COUNTS), sep=r"\s+", index_col="model")


def shown_before_trained() -> list[str]:
    """Networks whose maps and predictions were made before the training whose numbers are quoted.

    Examples
    --------
    >>> shown_before_trained()
    ['unet', 'linknet', 'segnet']
    """
    counts = execution_counts()
    return counts.index[(counts[["saliency", "predictions"]].max(axis=1) < counts["trained"])].tolist()
