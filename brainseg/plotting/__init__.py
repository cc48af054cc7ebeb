"""Every picture of the book. A chapter's cell calls one function and shows the figure it returns."""

from brainseg.plotting.architecture import architecture
from brainseg.plotting.curves import dice_by_epoch, learning_curves, published_against_ours
from brainseg.plotting.dataset import agreement, contingency, patients_across_splits, tumour_area
from brainseg.plotting.images import (
    attention_maps,
    best_middle_worst,
    box_against_border,
    montage,
    pairing,
    predictions,
    side_by_side,
    spread,
)
from brainseg.plotting.saliency import (
    against_controls,
    coloured,
    guidance,
    map_scores,
    overlay,
    randomisation,
    saliency_maps,
)
from brainseg.plotting.scores import before_after, forest, ladder
from brainseg.plotting.verdicts import execution_order, verdict_counts, verdict_table

__all__ = [
    "against_controls",
    "agreement",
    "architecture",
    "attention_maps",
    "before_after",
    "best_middle_worst",
    "box_against_border",
    "coloured",
    "contingency",
    "dice_by_epoch",
    "execution_order",
    "forest",
    "guidance",
    "ladder",
    "learning_curves",
    "map_scores",
    "montage",
    "overlay",
    "pairing",
    "patients_across_splits",
    "predictions",
    "published_against_ours",
    "randomisation",
    "saliency_maps",
    "side_by_side",
    "spread",
    "tumour_area",
    "verdict_counts",
    "verdict_table",
]
