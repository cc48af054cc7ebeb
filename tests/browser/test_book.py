"""Pages of a built book in a real browser, and on paper."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from brainseg.paper.build.printed import print_pdf, whole
from tests.paper.small_book import TOC, build

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("book"), repository="https://github.com/someone/brainseg")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_console_is_silent_and_no_other_host_is_asked(browser: Any, site: Path, scheme: str) -> None:
    said, asked = [], []
    for page_file in sorted(site.rglob("*.html")):
        if "_static" in page_file.parts or page_file == site / "index.html":
            continue
        context = browser.new_context(color_scheme=scheme)  # as on a first visit: nothing is stored
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        page.wait_for_load_state()
        assert page.evaluate("document.documentElement.dataset.theme") == scheme, page_file
        context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_no_page_is_wider_than_the_window(browser: Any, site: Path, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    for page_file in sorted((site / "book").rglob("*.html")):
        page.goto(page_file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, page_file
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_found_by_axe(browser: Any, site: Path, axe: str, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)
    for name in ("book/index", "book/references", "book/api/morphology", "notebooks/09_morphology"):
        page.goto((site / f"{name}.html").as_uri())
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, {preload: false}).then(found => found.violations)")
        assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == [], name
    page.close()


def test_icons_are_drawn(browser: Any, site: Path) -> None:
    page = browser.new_page()
    page.goto((site / "notebooks" / "09_morphology.html").as_uri())
    drawn = page.evaluate("document.fonts.ready.then(fonts => [...fonts].filter(f => f.status == 'loaded').length)")
    assert drawn >= 2
    button = page.locator(".article-header-buttons .fa-rocket")
    assert button.bounding_box()["width"] > 8
    page.close()


def test_the_whole_book_is_printed(site: Path, tmp_path: Path) -> None:
    toc = tmp_path / "_toc.yml"
    toc.write_text(yaml.safe_dump(TOC, sort_keys=False), encoding="utf-8")
    page, target = site.with_name("whole.html"), tmp_path / "book.pdf"
    page.write_text(whole(site, toc), encoding="utf-8")
    print_pdf(page, target)
    content = target.read_bytes()
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= len(TOC["chapters"])
    assert b"/Outlines" in content
