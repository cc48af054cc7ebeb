from pathlib import Path

from brainseg.paper.build.site import broken_links, missing_pages


def write(folder: Path, **pages: str) -> Path:
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html)
    return folder


def test_links_that_lead_somewhere_are_accepted(tmp_path: Path) -> None:
    site = write(
        tmp_path,
        index='<a href="other.html#here">a</a><a href="#top">b</a><h1 id="top"></h1><a href="https://doi.org/x">c</a>',
        other='<p id="here"><a href="index.html">home</a>',
    )
    assert broken_links(site) == []


def test_missing_files_and_anchors_are_named(tmp_path: Path) -> None:
    site = write(tmp_path, index='<a href="gone.html">a</a><a href="#nowhere">b</a><img src="lost.png">')
    assert broken_links(site) == [
        "index.html -> gone.html",
        "index.html -> #nowhere",
        "index.html -> lost.png",
    ]


def test_templates_of_the_theme_are_not_pages(tmp_path: Path) -> None:
    (tmp_path / "_static").mkdir()
    write(tmp_path / "_static", macros="""<link href="{{ pathto('style.css') }}">""")
    assert broken_links(write(tmp_path, index='<a href="_static/macros.html">a</a>')) == []


def test_a_page_of_the_contents_that_was_not_built_is_named(tmp_path: Path) -> None:
    toc = tmp_path / "_toc.yml"
    toc.write_text("format: jb-book\nroot: index\nparts:\n- chapters:\n  - file: one\n    sections:\n    - file: two\n")
    assert missing_pages(write(tmp_path, index="", one=""), toc) == ["two"]
