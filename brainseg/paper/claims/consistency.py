"""Whether published numbers can belong together: what some of them imply of another, without any data."""


def implied_mean_iou(accuracy: float, dice: float) -> float:
    """Mean IoU over background and tumour of a prediction with this accuracy and this Dice, all pixels pooled.

    Write the pixels as shares of all: a of them are right, e = 1 − a are wrong. From Dice = 2t / (2t + e) follows the
    share t that is rightly called tumour; the tumour's IoU is Dice / (2 − Dice), and that of the background
    (a − t) / (1 − t). A Dice averaged over batches is not quite one of pooled pixels; chapter 11 of the book measures
    what difference that makes.

    Args:
        accuracy, dice: Of the same prediction, on the same images, 0 to 1; Dice below 1.

    Of ten pixels, two are rightly called tumour, one is missed, and one is called tumour wrongly: the IoU of the tumour
    is 2/4, that of the background 6/8.

    >>> round(implied_mean_iou(accuracy=0.8, dice=4 / 6), 4)
    0.625
    """
    right = dice * (1 - accuracy) / (2 * (1 - dice))
    tumour, background = dice / (2 - dice), (accuracy - right) / (1 - right)
    return (tumour + background) / 2


def broadcast_iou(dice: float, rows: int) -> float:
    """The "IoU" that stands beside a "Dice" if masks of shapes (h, h) and (h, h, 1) were compared.

    NumPy stretches both to (h, h, h), and then the two are tied to each other, whatever the masks are; see
    :func:`brainseg.scores.published.broadcast_scores`.

    Args:
        dice: The "Dice", which may be above 1.
        rows: Height of the image in pixels, h.

    >>> round(broadcast_iou(13.1321, 128), 4)
    0.0541
    """
    return dice / 2 / (rows - dice / 2)
