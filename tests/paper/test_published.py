"""What a book looks like that is published, and one that is read at home."""

import io
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import yaml
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from PIL import Image
from sphinx_external_toc.parsing import parse_toc_yaml

import brainseg
from brainseg.paper.build.api import public
from brainseg.paper.build.publish import add_version
from brainseg.paper.build.site import broken_links
from tests.conftest import REPOSITORY
from tests.paper.small_book import CHAPTER, build, drawing, picture

WORKFLOW = REPOSITORY / ".github" / "workflows" / "book.yml"
ADDRESS, BASE = "https://github.com/someone/brainseg", "https://someone.github.io/brainseg"
HERE = f"{BASE}/{brainseg.__version__}/"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("published"), "tumorseg", ADDRESS, BASE)


def pages(site: Path) -> list[Path]:
    return [path for path in site.rglob("*.html") if "_static" not in path.parts and path != site / "index.html"]


def soup(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def targets(page: Path) -> list[str]:
    return [str(tag["href"]) for tag in soup(page).select(".header-article a[href], .article-header-buttons a[href]")]


def meta(page: Path) -> dict[str, str]:
    return {str(tag["property"]): str(tag["content"]) for tag in soup(page).select("meta[property^=og]")}


def test_whose_images_they_are_stands_on_every_page_of_a_book_that_shows_them(published: Path, home: Path) -> None:
    for page in pages(published):
        footer = soup(page).select_one("footer .extra_footer")
        assert footer is not None, page
        addresses = [str(link["href"]) for link in footer.select("a")]
        assert "https://doi.org/10.6084/m9.figshare.1512427.v5" in addresses, page
        assert "https://creativecommons.org/licenses/by/4.0/" in addresses, page
        assert any("pkdarabi/brain-tumor-image-dataset" in address for address in addresses), page
    assert not any("pkdarabi/" in page.read_text(encoding="utf-8") for page in pages(home) if page.stem != "references")


def test_the_version_stands_on_every_page(published: Path, home: Path) -> None:
    for page in [*pages(published), *pages(home)]:
        assert f"Version {brainseg.__version__}" in soup(page).select("footer .extra_footer")[0].get_text()


def test_a_repository_gives_buttons_and_none_gives_none(published: Path, home: Path) -> None:
    page = f"{CHAPTER}.html"
    found = targets(published / page)
    assert ADDRESS in found
    assert any(link.startswith(f"{ADDRESS}/issues/new?") for link in found)
    assert not any(urlsplit(link).netloc for link in targets(home / page))


def test_what_binder_and_colab_open_is_in_the_repository(published: Path) -> None:
    found = {urlsplit(link).netloc: urlsplit(link) for link in targets(published / f"{CHAPTER}.html")}
    binder, colab = found["mybinder.org"], found["colab.research.google.com"]
    (opened,) = parse_qs(binder.query)["urlpath"]
    assert binder.path == "/v2/gh/someone/brainseg/main"
    assert (REPOSITORY / opened.removeprefix("lab/tree/")).is_file()
    path = colab.path.removeprefix("/github/someone/brainseg/blob/main/")
    assert (REPOSITORY / path).is_file()


def test_colab_is_told_to_install_the_package_with_the_keras_of_the_networks(published: Path, home: Path) -> None:
    lock = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    keras = re.findall(r"^keras==(\S+)", lock, re.MULTILINE)[0]
    line = f'%pip install "brainseg[tensorflow] @ git+{ADDRESS}" keras=={keras}'
    assert line in soup(published / f"{CHAPTER}.html").get_text()
    assert "%pip" not in soup(home / f"{CHAPTER}.html").get_text()


def test_a_link_to_a_page_has_a_preview(published: Path, home: Path) -> None:
    expected = {
        "og:title": "Clean masks",
        "og:type": "article",
        "og:description": "What a disc does not fit into goes.",
        "og:url": f"{HERE}{CHAPTER}.html",
        "og:image": f"{HERE}_static/box-and-border.png",
    }
    assert meta(published / f"{CHAPTER}.html") == expected
    assert set(meta(home / f"{CHAPTER}.html")) == {"og:title", "og:type", "og:description"}
    assert (published / "_static" / "box-and-border.png").is_file()
    assert meta(home / "book" / "index.html")["og:description"] == "It says little, in few words. Chapter and its end."


def test_every_icon_that_a_page_shows_is_in_a_font_that_it_loads(published: Path) -> None:
    style = (published / "_static" / "styles" / "pydata-sphinx-theme.css").read_text(encoding="utf-8")
    fonts = [
        published / "_static" / "styles" / name for name in re.findall(r'url\(([^)]+\.woff)\) format\("woff"\)', style)
    ]
    assert len(fonts) == 3
    drawn = set().union(*(TTFont(font).getBestCmap() for font in fonts))
    used = {name for page in pages(published) for tag in soup(page).select("[class*=fa-]") for name in tag["class"]}
    icons = {name for name in used if name.startswith("fa-")} - {"fa-solid", "fa-brands", "fa-lg"}
    assert {"fa-github", "fa-rocket", "fa-download"} <= icons
    for icon in icons:
        rule = re.search(rf'\.{icon}:before[^{{]*{{content:"\\([0-9a-f]+)"', style)
        assert rule, icon
        assert int(rule[1], 16) in drawn, icon


def test_what_every_page_loads_is_light(published: Path) -> None:
    page = soup(published / "book" / "index.html")
    links = [str(tag["href"]) for tag in page.select("link[rel=stylesheet]")]
    links += [str(tag["src"]) for tag in page.select("script[src]")]
    files = {(published / "book" / urlsplit(link).path).resolve() for link in links}
    assert sum(file.stat().st_size for file in files) < 750_000
    assert not any("fontawesome" in file.name or "thebe" in file.name for file in files)


def test_pictures_lose_nothing(home: Path) -> None:
    (name,) = re.findall(r'src="([^"]+\.webp)"', (home / f"{CHAPTER}.html").read_text(encoding="utf-8"))
    shown = Image.open((home / f"{CHAPTER}.html").parent / name).convert("RGBA")
    assert np.array_equal(np.asarray(shown), np.asarray(Image.open(io.BytesIO(picture())).convert("RGBA")))
    assert list((home / "_images").glob("*.png")) == []
    (name,) = re.findall(r'src="[^"]*/_images/([^"]+\.svg)"', (home / f"{CHAPTER}.html").read_text(encoding="utf-8"))
    assert (home / "_images" / name).read_text(encoding="utf-8") == drawing()


def test_code_folds_to_one_word(home: Path) -> None:
    folds = soup(home / f"{CHAPTER}.html").select("article details")
    assert len(folds) == 2
    assert {fold.select("summary")[0].get_text() for fold in folds} == {"Code"}
    assert all(fold["class"] == ["hide"] for fold in folds)


def test_the_reference_has_signatures_as_they_are_written_and_chapters_lead_to_it(home: Path) -> None:
    page = soup(home / "book" / "api" / "morphology.html")
    entry = page.select_one('dt[id="brainseg.morphology.opening"]')
    assert entry is not None
    assert "(masks: Masks, radius: int) → Masks" in " ".join(entry.get_text().split())
    (link,) = soup(home / f"{CHAPTER}.html").select("p.where a")
    assert link["href"] == "../book/api/morphology.html#brainseg.morphology.opening"


def test_nothing_names_where_the_book_was_built(home: Path) -> None:
    places = (str(REPOSITORY), str(home.parents[1]))
    assert [page for page in pages(home) if any(place in page.read_text(encoding="utf-8") for place in places)] == []


def test_the_reference_has_a_page_for_every_room() -> None:
    pages = [name for name in parse_toc_yaml(REPOSITORY / "_toc.yml") if name.startswith("book/api/")]
    assert pages == [f"book/api/{room}" for room in public()]


def test_all_links_lead_somewhere(home: Path, published: Path) -> None:
    assert broken_links(home) == []
    assert broken_links(published) == []


def test_versions_stand_beside_each_other(home: Path, tmp_path: Path) -> None:
    for version in ("1.10.0", "1.9.0", "1.10.0"):
        add_version(home, tmp_path, version, "A book")
    assert {path.name for path in tmp_path.iterdir()} >= {".nojekyll", "1.10.0", "1.9.0", "index.html", "versions.html"}
    assert 'url=1.10.0/"' in (tmp_path / "index.html").read_text(encoding="utf-8")
    listed = [link["href"] for link in soup(tmp_path / "versions.html").select("a")]
    assert listed == ["1.10.0/", "1.9.0/"]
    assert broken_links(tmp_path / "1.10.0") == []


def test_all_versions_are_one_link_away(published: Path) -> None:
    (link, *_) = soup(published / "book" / "index.html").select("footer .extra_footer a")
    assert link["href"] == f"{BASE}/versions.html"


def against_the_schema(workflow: Path) -> int:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow)]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_the_workflow_fits_the_schema_of_such_files(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOW.read_text(encoding="utf-8").replace("runs-on:", "run-on:"))
    assert against_the_schema(WORKFLOW) == 0
    assert against_the_schema(wrong) == 1


def test_what_the_workflow_makes_can_be_made() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    commands = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    made = {name for command in commands for name in re.findall(r"\bmake ([\w-]+)", command)}
    rules = re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"test", "site", "pdf"} <= made <= set(rules)
