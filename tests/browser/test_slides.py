"""Slides of a chapter in a real browser, and on paper."""

import re
from pathlib import Path
from typing import Any

import pytest

from brainseg.paper.build.printed import print_pdf
from brainseg.paper.course.editions import script_of
from brainseg.paper.course.slides import write_slides

pytestmark = pytest.mark.slow
CHAPTERS = ("06", "10")


@pytest.fixture(scope="module", params=CHAPTERS)
def deck(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_slides(script_of(request.param).with_suffix(".ipynb"), tmp_path_factory.mktemp("slides"))


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_keys_lead_through_all_slides_and_nothing_is_asked_of_a_network(
    browser: Any, deck: Path, width: int, height: int
) -> None:
    asked: list[str] = []
    said: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": height})
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(deck.as_uri())
    count = page.locator("section").count()
    for number in range(2, count + 1):
        page.keyboard.press("ArrowRight")
        assert page.evaluate("[location.hash, document.activeElement.id]") == [f"#{number}", str(number)]
        assert page.locator(f'[id="{number}"] .number').count() == 1
    page.keyboard.press("ArrowRight")
    assert page.evaluate("location.hash") == f"#{count}"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("location.hash") == "#2"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert (said, [url for url in asked if not url.startswith(("file:", "data:"))]) == ([], [])
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_found_by_axe(browser: Any, deck: Path, axe: str, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(deck.as_uri())
    page.evaluate(axe)
    found = page.evaluate("axe.run('main > section')")["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in grave] == []
    page.close()


def test_each_slide_is_printed_on_a_page_of_its_own(browser: Any, deck: Path, tmp_path: Path) -> None:
    print_pdf(deck, tmp_path / "slides.pdf")
    pages = len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "slides.pdf").read_bytes()))
    slides = deck.read_text(encoding="utf-8").count("<section ")
    assert slides <= pages <= slides + 2  # what is long goes on
