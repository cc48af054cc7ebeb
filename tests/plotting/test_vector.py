import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from brainseg.plotting.style import Plate, note, plate, styled


def shown(figure: Plate) -> dict[str, Any]:
    """What a notebook keeps of a figure, without its text."""
    data = figure._repr_mimebundle_()
    assert data.pop("text/plain") == repr(figure)
    return data


@styled
def lines(title: str = "Dice", n: int = 10) -> Plate:
    figure = plate(2)
    ax = figure.subplots()
    for line in np.random.default_rng(0).random((n, 20)):
        ax.plot(line)
    ax.set_title(title)
    note(ax, 5, 0.5, title)
    return figure


def test_a_chart_is_a_drawing_with_the_same_bytes_each_time_and_no_settings_of_the_caller() -> None:
    before = shown(lines())
    with mpl.rc_context({"svg.hashsalt": "another", "svg.fonttype": "none", "font.size": 30, "lines.linewidth": 1.5}):
        assert shown(lines()) == before
    assert before.keys() == {"image/svg+xml"}


def test_it_is_as_large_as_its_pixels_would_be_and_says_nothing_of_its_making() -> None:
    (drawing,) = shown(lines()).values()
    root = ElementTree.fromstring(drawing)
    assert (root.get("width"), root.get("height")) == ("922", "288")
    assert not re.search(r"matplotlib|20\d\d-|<!--|<text|metadata", drawing, re.IGNORECASE)
    assert not re.search(r"\d\.\d{3}", re.sub(r"scale\([^)]*\)", "", drawing))
    named, used = re.findall(r' id="([^"]+)"', drawing), re.findall(r'(?:href="|url\()#([^")]+)', drawing)
    assert sorted(named) == sorted(set(used))


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("title", ["a\x01b", "]]> --> <b>&amp;</b>", "\x1b[31m", "naïve − 1 ✓"])
def test_no_word_of_a_chart_is_markup(title: str) -> None:
    (drawing,) = shown(lines(title)).values()
    assert {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(drawing).iter()} <= {
        *("svg", "defs", "style", "g", "path", "use", "clipPath", "rect"),
    }
    assert drawing.replace("\n", "").isprintable()


def test_what_shows_pictures_or_is_large_has_pixels() -> None:
    picture, inside = plate(2), lines()
    picture.subplots().imshow(np.eye(4))
    inside.axes[0].add_artist(AnnotationBbox(OffsetImage(np.eye(4)), (5, 0.5)))
    for figure in (picture, inside, lines(n=1000)):
        assert shown(figure).keys() == {"image/png"}
