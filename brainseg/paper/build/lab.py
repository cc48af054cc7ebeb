"""The interactive parts of the book, made of the phantom: ``book/lab/NAME.html``, which pages take in."""

import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from brainseg import plotting
from brainseg.app.prediction import NOT_A_DEVICE
from brainseg.app.weights import shipped
from brainseg.models import TITLES
from brainseg.paper import study
from brainseg.paper.build.network import network_script
from brainseg.paper.claims.checker import NAMES, between, check
from brainseg.plotting.lab import LOOKS, SCRIPT, bits, part, pixels, source, still
from brainseg.scores import THRESHOLD
from brainseg.scores.metrics import dice

if TYPE_CHECKING:
    from brainseg.experiments.workspace import Workspace

Stack = NDArray[Any]

SIZE: Final = 128
"""Pixels of the slices where no network is asked, as in the study."""

NETWORK: Final = "lab_network.js"
"""Script of the part that asks a network."""

WEIGHTS: Final = "lab_network_weights.js"
"""The network, which that script fetches when it is asked."""

STEPS: Final = [i / 100 for i in range(1, 100)]
"""Thresholds of the slider."""

IN_A_ROW: Final = 12
"""Images whose labels can be shifted."""

STUDYS_PAIR: Final = {"iou": "0.0541", "dice": "13.1321"}
"""What the study's notebook prints for a single image."""


def write_parts(folder: Path, workspace: "Workspace") -> None:
    """Write every part to ``folder/lab``, and the scripts and their looks to ``folder/_static``.

    Args:
        folder: The book's pages.
        workspace: Of the phantom: its network is asked.
    """
    (folder / "lab").mkdir(exist_ok=True)
    for name, text in parts(workspace).items():
        (folder / "lab" / f"{name}.html").write_text(text + "\n", encoding="utf-8")
    copy_code(folder / "_static")


def copy_code(folder: Path) -> None:
    """Put the scripts, their looks and the network that one of them asks into a folder."""
    texts = {name: source(name) for name in (SCRIPT, LOOKS, NETWORK)} | {WEIGHTS: network_script(shipped("deeplab"))}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def parts(workspace: "Workspace") -> dict[str, str]:
    """Every part by its name, as HTML."""
    fine, coarse = workspace.dataset.prepared(SIZE), workspace.prepared
    run = workspace.run(workspace.recipe("unet", "corrected"))
    of_test = run.scores["border_dice"].where(run.scores["split"] == "test").to_numpy()
    area = fine.masks["border"].sum(axis=(1, 2))
    labelled = (area > 0) & (fine.masks["box"].sum(axis=(1, 2)) > 0)

    sizes = _spread(np.where(labelled, area, np.nan), (0.97, 0.6, 0.15))
    cases = _spread(of_test, (0.97, 0.6, 0.35, 0.2))
    looked_for = _spread(np.where(labelled, of_test, np.nan), (0.5, 0.1, 0.8, 0.25, 0.95))
    train = fine.rows("train")
    several = train[labelled[train]][:: max(1, len(train) // (IN_A_ROW + 1))][:IN_A_ROW]
    test = np.flatnonzero(~np.isnan(of_test))
    larger = SIZE // coarse.size
    marked = (run.probability[looked_for] > THRESHOLD).repeat(larger, axis=1).repeat(larger, axis=2)
    return {
        "scores": scores(
            fine.images[sizes], fine.masks["border"][sizes], ("A large tumour", "A middling one", "A small one")
        ),
        "table": table(),
        "threshold": threshold(
            coarse.images[cases],
            coarse.masks["border"][cases],
            run.probability[cases],
            mean_dice(run.probability[test], coarse.masks["border"][test]),
        ),
        "pairing": pairing(fine.images[several], fine.masks["box"][several]),
        "find": find(fine.images[looked_for], fine.masks["border"][looked_for], fine.masks["box"][looked_for], marked),
        "network": network(),
    }


def scores(images: Stack, borders: Stack, titles: Sequence[str]) -> str:
    """The metric lab: an answer to move over a tumour, and its scores."""
    cases = [
        {"title": title, "image": pixels(image), "border": bits(border)}
        for title, image, border in zip(titles, images, borders, strict=True)
    ]
    figure = plotting.montage(images, {"border": borders}, titles, columns=len(images))
    return part("scores", {"cases": cases}, still(_png(figure), "Simulated slices with the borders of their tumours."))


def table() -> str:
    """The table checker, with the study's rows as examples."""
    published = study.published_table()
    examples: list[Mapping[str, Any]] = [
        {
            "name": f"The study's {TITLES[str(model)]}{words}",
            "scores": {score: f"{row[score + end]:.4f}" for score in study.MEASURES},
        }
        for model, row in published.iterrows()
        for end, words in {"": "", "_baseline": ", baseline"}.items()
    ]
    examples.append({"name": "The study's printed scores of one image", "scores": STUDYS_PAIR})
    titles = {score: title[0].upper() + title[1:] for score, title in NAMES.items()}
    rows = [
        f"<tr><th scope='row'>{example['name']}</th><td>{example['scores']['mean_iou']}</td>"
        f"<td>{between(check('', example['scores']).implied['mean_iou'])}</td></tr>"
        for example in examples[:-1]
    ]
    head = "<tr><th scope='col'>Row</th><th scope='col'>Mean IoU as printed</th><th scope='col'>as it follows</th></tr>"
    words = "<p>The mean IoU that the study printed, and what follows of the accuracy and the Dice beside it.</p>"
    instead = f"{words}<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    return part("table", {"examples": examples, "titles": titles}, instead)


def mean_dice(probability: Stack, borders: Stack) -> list[float]:
    """Mean Dice of images at each of :data:`STEPS`."""
    return [round(float(np.nanmean(dice(probability > step, borders))), 4) for step in STEPS]


def threshold(images: Stack, borders: Stack, probability: Stack, together: Sequence[float]) -> str:
    """The threshold slider on a network's answers, which are kept to 1/255.

    Args:
        together: :func:`mean_dice` of all test images, of which these are some.
    """
    levels = np.rint(255 * np.asarray(probability, np.float64))
    cases = [
        {"title": f"Test slice {i + 1}", "image": pixels(image), "border": bits(border), "probability": pixels(level)}
        for i, (image, border, level) in enumerate(zip(images, borders, levels, strict=True))
    ]
    outlines = {"border": borders, "prediction": levels > 255 * THRESHOLD}
    figure = plotting.montage(images, outlines, columns=len(images))
    says = "Simulated test slices, the border of the tumour, and what U-Net marks at a threshold of one half."
    return part("threshold", {"cases": cases, "together": list(together)}, still(_png(figure), says))


def pairing(images: Stack, boxes: Stack) -> str:
    """The list of images whose labels slip when an annotation is taken away."""
    half, smaller = slice(None, None, 2), slice(1, None, 2)
    content = [
        {"title": f"Image {i + 1}", "image": pixels(image[half, half]), "box": bits(box[smaller, smaller])}
        for i, (image, box) in enumerate(zip(images, boxes, strict=True))
    ]
    shifted = [*boxes[:2], *boxes[3:6]]
    figure = plotting.pairing(images[:5], shifted, list(boxes[:5]))
    says = "The third annotation is missing: paired by place, every image from there on has the label of the next one."
    return part("pairing", {"images": content}, still(_png(figure), says))


def find(images: Stack, borders: Stack, boxes: Stack, predictions: Stack) -> str:
    """Slices in which to look for the tumour."""
    stacks = zip(images, borders, boxes, predictions, strict=True)
    cases = [
        {
            "title": f"Slice {i + 1} of {len(images)}",
            "image": pixels(image),
            **{"border": bits(border), "box": bits(box), "prediction": bits(prediction)},
        }
        for i, (image, border, box, prediction) in enumerate(stacks)
    ]
    outlines = {"border": borders, "box": boxes, "prediction": predictions}
    figure = plotting.montage(images, outlines, columns=len(images))
    says = "Simulated slices: the border of the tumour, its box, and what U-Net marks."
    return part("find", {"cases": cases}, still(_png(figure), says))


def network() -> str:
    """The network that the reader asks, about the slices of :func:`find` or an image of their own."""
    says = (
        "It learnt from the study's images, in which the head lies: its front or its crown is on the left. To images "
        "of patients whom it has learnt from it answers too well.",
        "A JPEG or PNG image can be dropped here, too. It stays in your browser.",
        NOT_A_DEVICE,
    )
    instead = f"<p>With JavaScript, a network marks here what it takes for a tumour. {html.escape(NOT_A_DEVICE)}</p>"
    return part("network", {"from": "find", "about": says}, instead)


def _png(figure: Figure) -> bytes:
    """A figure as a small file: few colours, which is enough for grey slices with lines on them."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    Image.open(drawn).convert("RGB").quantize(96, Image.Quantize.MAXCOVERAGE).save(small, "png", optimize=True)
    return small.getvalue()


def _spread(values: Stack, shares: Sequence[float]) -> NDArray[np.intp]:
    """Rows whose values, NaN left out, have these shares of the others below them."""
    order = np.argsort(values, kind="stable")[: np.count_nonzero(~np.isnan(values))]
    return np.array([order[round(share * (len(order) - 1))] for share in shares])
