"""Tables and numbers as a reader of a page meets them."""

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from brainseg.paper.display import glue, table


def html(frame: pd.DataFrame, **options: object) -> BeautifulSoup:
    return BeautifulSoup(table(frame, "Scores of a < b.", **options)._repr_html_(), "html.parser")  # type: ignore[arg-type]


def texts(soup: BeautifulSoup, tag: str) -> list[str]:
    return [found.text for found in soup.find_all(tag)]


def test_a_table_has_a_caption_and_names_for_its_rows_and_columns() -> None:
    soup = html(pd.DataFrame({"Dice": [0.5]}, index=pd.Index(["U-Net"], name="network")))
    assert texts(soup, "caption") == ["Scores of a < b."]
    assert [(one.text, one["scope"]) for one in soup.find_all("th")] == [
        ("network", "col"),
        ("Dice", "col"),
        ("U-Net", "row"),
    ]


def test_numbers_are_rounded_with_real_minus_signs_and_a_dash_for_what_is_not() -> None:
    frame = pd.DataFrame({"change": [-0.126, -0.0001, np.nan, None], "images": [1234, 0, -5, 7]}, index=list("abcd"))
    assert texts(html(frame), "td")[1:] == ["−0.13", "1,234", "0.00", "0", "–", "−5", "–", "7"]


@pytest.mark.parametrize("digits", [3, {"change": 3}])
def test_digits_are_those_asked_for(digits: object) -> None:
    soup = html(pd.DataFrame({"change": [-0.1266]}, index=["a"]), digits=digits)
    assert texts(soup, "td")[-1] == "−0.127"


def test_two_levels_of_columns_share_a_heading_and_of_rows_a_name() -> None:
    columns = pd.MultiIndex.from_product([["U-Net", "SegNet"], ["low", "high"]])
    rows = pd.MultiIndex.from_tuples([("test", "glioma"), ("test", "all")], names=["images", "tumour"])
    soup = html(pd.DataFrame(np.ones((2, 4), int), index=rows, columns=columns))
    wide = [(one.text, one.get("colspan")) for one in soup.thead.find_all("tr")[0].find_all("th")]  # type: ignore[union-attr]
    assert wide == [("U-Net", "2"), ("SegNet", "2")]
    last = [one.text for one in soup.tbody.find_all("tr")[1].find_all("th")]  # type: ignore[union-attr]
    assert last == ["", "all"]


def test_what_a_table_says_is_in_its_text_too() -> None:
    frame = pd.DataFrame({("Dice", "mean"): [0.5], ("Dice", "low"): [-0.25]}, index=pd.Index(["A"], name="network"))
    assert str(table(frame, "Scores.")).splitlines() == ["Scores.", "network\tDice, mean\tDice, low", "A\t0.50\t−0.25"]


def test_glued_values_are_found_by_their_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}

    def displayed(data: dict[str, str], metadata: dict[str, dict[str, str]], raw: bool) -> None:
        assert raw
        assert metadata["scrapbook"]["mime_prefix"] + "text/plain" in data
        found[metadata["scrapbook"]["name"]] = data["application/papermill.record/text/plain"]

    monkeypatch.setattr("brainseg.paper.display.display", displayed)
    glue(patients=np.int64(155), share=np.float64(1 / 3), best="U-Net")
    assert found == {"patients": "155", "share": "0.333333", "best": "U-Net"}
