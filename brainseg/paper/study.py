"""What the study published, as data: the numbers that this book lays beside its own."""

import io

import pandas as pd

MEASURES = {"accuracy": "accuracy", "mean_iou": "mean IoU", "dice": "Dice"}
"""The study's three metrics, and what to print for them."""

PARAMETERS = {"unet": 34_862_949, "linknet": 31_729_509, "segnet": 32_081_989, "deeplab": 4_334_145}
"""Number of parameters of each model at 128 × 128 × 3 pixels and width 64."""

FIRST_DICE = {"unet": {1: 0.0076, 2: 0.0004}, "linknet": {2: 0.0}, "segnet": {2: 0.2688}, "deeplab": {2: 0.0}}
"""Training Dice in the first epochs of the study's logs, by model and epoch."""

PRINTED_DICE = {
    "unet": (13.1321, 0.0, 1.4683, 0.0, 0.0),
    "linknet": (0.7891, 0.0, 0.0, 20.8302),
    "segnet": (7.9511, 0.1551, 7.2794, 4.3165),
    "deeplab": (0.0, 17.7116, 8.2934, 0.0),
}
"""What the notebook prints as Dice of single test images, in its order."""

_TABLE = """
model    accuracy_baseline  accuracy  mean_iou_baseline  mean_iou  dice_baseline  dice
unet     0.9428             0.9661    0.4601             0.4798    0.3590         0.3624
linknet  0.9557             0.9727    0.4618             0.4802    0.4890         0.5740
segnet   0.9312             0.9657    0.4578             0.4811    0.4105         0.4494
deeplab  0.9460             0.9772    0.4795             0.4817    0.4681         0.5756
"""

_LAST_EPOCH = """
model    epoch  loss    accuracy  mean_iou  dice    val_loss  val_accuracy  val_mean_iou  val_dice
unet     30     0.0868  0.9677    0.4803    0.3624  0.0768    0.9703        0.4813        0.3906
linknet  30     0.0678  0.9744    0.4806    0.5740  0.0714    0.9741        0.4813        0.5106
segnet   20     0.0829  0.9697    0.4810    0.4494  0.1380    0.9622        0.4811        0.0444
deeplab  20     0.0698  0.9736    0.4810    0.5756  0.1122    0.9602        0.4811        0.3344
"""


def published_table() -> pd.DataFrame:
    """The table of the study's README: one row per model, ``accuracy``, ``mean_iou`` and ``dice`` as shares 0 to 1.

    The columns that end in ``_baseline`` are of the study's baselines, whose code it does not publish.
    U-Net's Dice is that of the README's text, and of the log; the table, a picture there and on a slide, has 0.9624.
    """
    return _read(_TABLE)


def published_last_epoch() -> pd.DataFrame:
    """The last line of each training log in the study's notebook: one row per model, ``val_…`` on validation images."""
    return _read(_LAST_EPOCH)


def _read(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), sep=r"\s+", index_col="model")
