from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from brainseg.errors import BrainsegError
from brainseg.paper.build.printed import print_pdf, whole

PAGE = """<html><head><link rel="stylesheet" href="../_static/a.css?v=1"></head><body><nav>Menu</nav>
<article><h1 id="top">{title}<a class="headerlink" href="#top">#</a></h1>{body}</article>
<footer><div class="extra_footer"><p>By "someone", {title}.</p></div></footer></body></html>"""
BODIES = {
    "book/index": '<a href="../notebooks/one.html#part">there</a><a href="api/scores.html#dice">reference</a>',
    "notebooks/one": '<h2 id="part">Part</h2><img src="../_images/x.webp"><a href="#part">here</a>'
    '<a href="../book/index.html">front</a><a href="https://doi.org/1">far</a>'
    '<details class="hide"><summary>Code</summary>secret()</details><button>Press</button>'
    '<svg><path id="mark"/><use href="#mark"/></svg>',
    "book/api/scores": "<p>looked up, not read</p>",
}


@pytest.fixture
def book(tmp_path: Path) -> BeautifulSoup:
    for name, body in BODIES.items():
        page = tmp_path / "html" / f"{name}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(PAGE.format(title=page.stem, body=body))
    toc = tmp_path / "_toc.yml"
    toc.write_text("format: jb-book\nroot: book/index\nchapters:\n- file: notebooks/one\n- file: book/api/scores\n")
    return BeautifulSoup(whole(tmp_path / "html", toc), "html.parser")


def test_the_pages_stand_in_their_order_with_the_contents_after_the_first(book: BeautifulSoup) -> None:
    assert [heading.get_text() for heading in book.select("h1")] == ["index", "Contents", "one"]
    assert [link.get_text() for link in book.select("ol a")] == ["index", "one"]


def test_links_lead_inside_the_whole_or_to_other_hosts_or_nowhere(book: BeautifulSoup) -> None:
    links = {link.get_text(): link.get("href") for link in book.select("section a")}
    anchors = {f"#{tag['id']}" for tag in book.find_all(id=True)}
    assert links["reference"] is None
    assert links["far"] == "https://doi.org/1"
    inside = {text: link for text, link in links.items() if text not in ("reference", "far")}
    assert set(inside.values()) <= anchors
    assert inside["there"] == inside["here"]
    assert book.select_one(f'[id="{str(inside["there"])[1:]}"]').get_text() == "Part"  # type: ignore[union-attr]


def test_files_are_found_from_beside_the_site(book: BeautifulSoup) -> None:
    assert [image["src"] for image in book.select("img")] == ["html/_images/x.webp"]
    assert [link["href"] for link in book.select("link")] == ["html/_static/a.css"]


def test_what_only_a_screen_needs_is_not_printed(book: BeautifulSoup) -> None:
    text = book.get_text()
    assert not any(word in text for word in ("Menu", "secret", "Code", "Press", "looked up"))


def test_a_drawing_keeps_its_names(book: BeautifulSoup) -> None:
    assert [mark["href"] for mark in book.select("svg use")] == [f"#{path['id']}" for path in book.select("svg path")]


def test_the_footer_stands_on_every_sheet(book: BeautifulSoup) -> None:
    assert 'content: "By ”someone”, index."' in str(book.select_one("style"))


def test_without_a_browser_nothing_is_printed_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("BRAINSEG_BROWSER", raising=False)
    with pytest.raises(BrainsegError, match="install Chromium"):
        print_pdf(tmp_path / "page.html", tmp_path / "book.pdf")


def test_a_browser_that_fails_leaves_no_old_book_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINSEG_BROWSER", "false")
    (tmp_path / "book.pdf").write_text("an older one")
    with pytest.raises(BrainsegError, match="printed nothing"):
        print_pdf(tmp_path / "page.html", tmp_path / "book.pdf")
    assert not (tmp_path / "book.pdf").exists()
