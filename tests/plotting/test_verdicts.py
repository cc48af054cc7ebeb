"""Pictures of the audit show what they are given."""

import numpy as np
import pandas as pd

from brainseg import plotting
from brainseg.models import TITLES
from brainseg.paper.claims.claim import ARTEFACT, CANNOT_BE_TESTED, NOT_REPRODUCED, REPRODUCED, VERDICTS
from brainseg.paper.claims.order import cells
from brainseg.plotting.verdicts import VERDICT_COLOURS, VERDICT_MARKS


def test_every_verdict_has_a_colour_and_a_sign_of_its_own() -> None:
    for looks in (VERDICT_COLOURS, VERDICT_MARKS):
        assert set(looks) == set(VERDICTS)
        assert len(set(looks.values())) == len(VERDICTS)


def test_bars_are_as_long_as_the_counts() -> None:
    table = pd.DataFrame({REPRODUCED: [2, 0], ARTEFACT: [1, 4]}, index=["words", "book"])
    figure = plotting.verdict_counts(table)
    (ax,) = figure.axes
    assert [[bar.get_width() for bar in group] for group in ax.containers] == [[2, 0], [1, 4]]
    assert [bar.get_x() for bar in ax.containers[1]] == [2, 0]
    assert [text.get_text() for text in ax.texts] == ["2", "1", "4"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [REPRODUCED, ARTEFACT]


def test_every_entry_stands_on_the_colour_of_its_verdict() -> None:
    columns = pd.MultiIndex.from_tuples([("Dice", "without"), ("Dice", "with")])
    values = pd.DataFrame([[0.5, 0.25], [0.125, 1.0]], index=["A", "B"], columns=columns)
    verdicts = [[REPRODUCED, NOT_REPRODUCED], [CANNOT_BE_TESTED, ARTEFACT]]
    figure = plotting.verdict_table(values, pd.DataFrame(verdicts, index=values.index, columns=columns))
    (ax,) = figure.axes
    texts = [text.get_text() for text in ax.texts]
    for row in (0, 1):
        for column in (0, 1):
            verdict = verdicts[row][column]
            assert f"{float(values.to_numpy()[row, column]):.4f}\n{VERDICT_MARKS[verdict]}" in texts
    assert len(ax.patches) == 4
    assert len(figure.legends[0].get_texts()) == 4


def test_all_verdicts_have_a_place_in_the_legend() -> None:
    counts = pd.DataFrame(1, index=["words"], columns=list(VERDICTS))
    columns = pd.MultiIndex.from_product([["Dice"], range(len(VERDICTS))])
    values = pd.DataFrame(0.5, index=["A"], columns=columns)
    verdicts = pd.DataFrame([list(VERDICTS)], index=["A"], columns=columns)
    for figure in (plotting.verdict_counts(counts), plotting.verdict_table(values, verdicts)):
        figure.draw_without_rendering()
        places = [text.get_window_extent() for text in figure.legends[0].get_texts()]
        assert len(places) == len(VERDICTS)
        assert all(place.x0 > 0 and place.x1 < figure.bbox.width and place.y0 > 0 for place in places)


def test_cells_lie_at_their_counts() -> None:
    (ax,) = plotting.execution_order(cells()).axes
    assert [text.get_text() for text in ax.get_yticklabels()] == list(TITLES.values())
    trained = [line.get_xdata() for line in ax.lines if line.get_marker() == "s"]
    assert [np.asarray(counts).tolist() for counts in trained] == [[74], [63], [69], [54]]
