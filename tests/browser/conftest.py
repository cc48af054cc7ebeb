"""A page with every part on made-up slices, opened from its file in a real browser; skipped where there is none."""

import base64
import hashlib
import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pytest

from brainseg.paper.build import lab
from brainseg.paper.build.printed import find_browser
from brainseg.plotting.viewer import viewer
from tests.conftest import REPOSITORY

AXE: Final = "axe-core@4.14.1"
AXE_SHA512: Final = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="

THEMES: Final = {
    "pydata_sphinx_theme": ("pydata-sphinx-theme.css",),
    "sphinx_book_theme": ("sphinx-book-theme.css",),
}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium, or the browser that BRAINSEG_BROWSER names."""
    if not (found := find_browser()):
        pytest.skip("there is no browser: install chromium, or name one in BRAINSEG_BROWSER")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        # The sandbox does not start for root, which one is in a container; the pages are our own.
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def made_up() -> SimpleNamespace:
    """Slices with a bright disc, its box, answers and maps, everything different in each."""
    random, n, size = np.random.default_rng(0), 12, 32
    y, x = np.mgrid[:size, :size]
    centres = random.integers(8, size - 8, (n, 2))
    radii = random.integers(2, 7, n)
    distance = np.stack([np.hypot(y - cy, x - cx) for cy, cx in centres])
    border = distance <= radii[:, None, None]
    box = np.maximum(abs(y - centres[:, :1, None]), abs(x - centres[:, 1:, None])) <= radii[:, None, None] + 1
    images = (40 + 120 * border + random.integers(0, 60, border.shape)).astype(np.uint8)
    probability = 1 / (1 + np.exp(distance - radii[:, None, None] + random.normal(0, 2, border.shape)))
    maps = {
        "U-Net": {"gradient": probability[:3] - 0.2, "occlusion": random.random((3, size, size))},
        "SegNet": {"gradient": random.random((3, size, size))},
    }
    return SimpleNamespace(images=images, border=border, box=box, probability=probability, maps=maps, size=size)


@pytest.fixture(scope="session")
def page_file(made_up: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The page, light or dark, in the looks of the book where its theme is installed."""
    folder = tmp_path_factory.mktemp("page")
    made = made_up
    lab.copy_code(folder)
    shutil.copy2(REPOSITORY / "book" / "_static" / "custom.css", folder)
    together = lab.mean_dice(made.probability, made.border)
    saliency = viewer(
        made.images[:3],
        ["good", "middle", "bad"],
        made.maps,
        dict.fromkeys(made.maps, made.border[:3]),
        made.border[:3],
        {"energy inside": lambda maps, border: (np.maximum(maps, 0) * border).sum((1, 2))},
    )
    parts = {
        "scores": lab.scores(made.images[:3], made.border[:3], ("one", "two", "three")),
        "table": lab.table(),
        "threshold": lab.threshold(made.images[:3], made.border[:3], made.probability[:3], together),
        "pairing": lab.pairing(made.images.repeat(2, 1).repeat(2, 2), made.box.repeat(2, 1).repeat(2, 2)),
        "find": lab.find(made.images[:4], made.border[:4], made.box[:4], made.probability[:4] > 0.5),
        "network": lab.network(),
        "maps": str(saliency.data),
    }
    styles = [_style(folder, package, name) for package, names in THEMES.items() for name in names]
    links = "".join(
        f'<link rel="stylesheet" href="{name}">' for name in [*filter(None, styles), "custom.css", "lab.css"]
    )
    body = "".join(f"<section><h2>{name}</h2>{part}</section>" for name, part in parts.items())

    def made_page(theme: str) -> Path:
        file = folder / f"{theme}.html"
        file.write_text(
            f'<!doctype html><html lang="en" data-theme="{theme}" data-mode="{theme}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Parts</title>'
            f'<link rel="icon" href="data:,">{links}<script defer src="lab.js"></script></head><body>'
            '<div class="bd-container"><div class="bd-container__inner bd-page-width"><main class="bd-main">'
            '<div class="bd-content"><div class="bd-article-container"><article class="bd-article"><h1>Parts</h1>'
            f"{body}</article></div></div></main></div></div></body></html>",
            encoding="utf-8",
        )
        return file

    return made_page


@pytest.fixture
def opened(browser: Any, page_file: Callable[[str], Path]) -> Iterator[Callable[..., Any]]:
    """Opens the page; at the end no script may have failed, and nothing may have been asked of another host."""
    contexts, errors, asked = [], [], []

    def open_page(theme: str = "light", width: int = 900, scripts: bool = True, touch: bool = False) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=scripts, has_touch=touch
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file(theme).as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, from the npm registry, known by its hash."""
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("there is no npm to get axe-core with")
    folder = tmp_path_factory.mktemp("axe")
    got = subprocess.run([npm, "pack", AXE, "--silent"], cwd=folder, capture_output=True, text=True, check=False)
    if got.returncode:
        pytest.skip(f"npm cannot get {AXE}: {got.stderr.strip()[-200:]}")
    content = (folder / got.stdout.split()[-1]).read_bytes()
    assert base64.b64encode(hashlib.sha512(content).digest()).decode() == AXE_SHA512
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        script = archive.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode("utf-8")


def _style(folder: Path, package: str, name: str) -> str | None:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    source = Path(spec.submodule_search_locations[0]) / "theme" / package / "static" / "styles" / name
    if not source.is_file() or not (text := source.read_text(encoding="utf-8")):
        return None
    (folder / name).write_text(
        text.replace("url(", "disabled("), encoding="utf-8"
    )  # fonts of icons, which are not here
    return name
