"""Every page of the book as `make book` has built it, in a real browser; skipped where it is not built."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from brainseg.paper.build.site import broken_links, missing_pages
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow

WORKSPACE = Path(os.environ.get("BRAINSEG_WORKSPACE", REPOSITORY / "build"))
SITE = Path(os.environ.get("BRAINSEG_BOOK", WORKSPACE / "phantom-quick-0" / "book" / "_build" / "html")).resolve()
WIDTHS = (320, 390, 768, 1440)
CUT = """[...document.querySelectorAll('article :is(img, caption, figcaption)')]
    .filter(part => part.checkVisibility() && part.getBoundingClientRect().right > innerWidth)
    .map(part => part.outerHTML.slice(0, 200))"""
"""Pictures and captions that end outside the window; only the cells of a table may be scrolled into it."""

NAMES = sorted(
    path.relative_to(SITE).with_suffix("").as_posix()
    for path in SITE.rglob("*.html")
    if "_static" not in path.relative_to(SITE).parts and path != SITE / "index.html"  # which only leads to another
)
every_page = pytest.mark.parametrize("name", NAMES or [pytest.param("", marks=pytest.mark.skip(f"no book in {SITE}"))])
if_built = pytest.mark.skipif(not NAMES, reason=f"no book in {SITE}")


@pytest.fixture(scope="module")
def tab(browser: Any) -> Iterator[SimpleNamespace]:
    """One tab for all pages, with what its console said and which addresses it asked for."""
    page = browser.new_page(color_scheme="light")
    said, asked = list[str](), list[str]()
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    yield SimpleNamespace(page=page, said=said, asked=asked)
    page.close()


def visit(tab: SimpleNamespace, name: str, width: int = 1440, scheme: str = "light") -> Any:
    tab.said.clear()
    tab.asked.clear()
    tab.page.set_viewport_size({"width": width, "height": 900})
    tab.page.emulate_media(color_scheme=scheme)
    tab.page.goto((SITE / f"{name}.html").as_uri())
    return tab.page


@every_page
def test_a_page_fits_every_window_is_silent_and_asks_no_other_host(tab: SimpleNamespace, name: str) -> None:
    page = visit(tab, name)
    wide, cut = {}, {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide[width], cut[width] = page.evaluate("document.documentElement.scrollWidth"), page.evaluate(CUT)
    assert {width: seen for width, seen in wide.items() if seen > width} == {}
    assert {width: seen for width, seen in cut.items() if seen} == {}
    assert tab.said == []
    assert [url for url in tab.asked if not url.startswith(("file:", "data:", "blob:"))] == []


@every_page
@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_serious_on_a_page(
    tab: SimpleNamespace, axe: str, name: str, scheme: str, width: int
) -> None:
    page = visit(tab, name, width, scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.evaluate("document.querySelectorAll('article details').forEach(part => part.open = true)")
    page.evaluate("document.getAnimations().forEach(one => one.finish())")  # what fades in is pale until then
    page.evaluate(axe)
    rules = page.evaluate("axe.run(document, {preload: false, resultTypes: ['violations']})")["violations"]
    serious = [rule for rule in rules if rule["impact"] in ("serious", "critical")]
    assert {rule["id"]: [node["html"][:200] for node in rule["nodes"][:3]] for rule in serious} == {}


@if_built
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_map_is_laid_over_its_slice_which_no_plate_hides(tab: SimpleNamespace, scheme: str) -> None:
    page = visit(tab, "notebooks/10_saliency", scheme=scheme)
    layers = page.locator(".lab-picture > img").evaluate_all(
        "parts => parts.map(part => [getComputedStyle(part).backgroundColor, getComputedStyle(part).padding])"
    )
    assert len(layers) > 1
    assert {tuple(layer) for layer in layers} == {("rgba(0, 0, 0, 0)", "0px")}


@if_built
def test_every_page_is_there_and_every_link_leads_somewhere() -> None:
    assert missing_pages(SITE, REPOSITORY / "_toc.yml") == []
    assert broken_links(SITE) == []


@if_built
def test_a_word_is_found(tab: SimpleNamespace) -> None:
    page = visit(tab, "book/index")
    page.locator("button.search-button-field:visible").first.click()
    page.keyboard.type("meningioma")
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.wait_for()
    found = page.locator("#search-results li a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert any(re.match(r"(\./)?notebooks/01_data\.html", link) for link in found), found


@if_built
def test_a_chapter_is_printed(tab: SimpleNamespace) -> None:
    content = visit(tab, "notebooks/08_attention").pdf(format="A4")
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) > 1
