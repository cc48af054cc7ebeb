"""The book in other languages: its prose as templates to translate, and the settings of a translated one.

A translation is a file ``book/locale/LANGUAGE/LC_MESSAGES/PAGE.po`` for each page. What has none stays in English.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import yaml
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from brainseg.errors import known

LOCALE: Final = Path("book", "locale")
ENDINGS: Final = (".ipynb", ".md")


def pages(repository: Path) -> list[str]:
    """All pages with prose, as ``_toc.yml`` names them."""
    files = [*(repository / "book").glob("*.md"), *(repository / "notebooks").glob("*.ipynb")]
    return sorted(str(path.relative_to(repository).with_suffix("")) for path in files)


def write_templates(repository: Path, target: Path, names: Iterable[str]) -> None:
    """Write the prose of committed pages, executing nothing, as a file ``PAGE.pot`` each: what is to be translated."""
    settings = yaml.safe_load((repository / "_config.yml").read_text(encoding="utf-8"))
    with TemporaryDirectory() as place:
        source = Path(place, "source")
        for name in names:
            (page,) = (path for end in ENDINGS if (path := repository / f"{name}{end}").is_file())
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(page, (source / name).with_suffix(page.suffix))
            first = name
        chosen = {
            "extensions": ["myst_nb", "sphinx_design"],
            "gettext_compact": False,
            "myst_enable_extensions": settings["parse"]["myst_enable_extensions"],
            "nb_execution_mode": "off",
            "project": settings["title"],
            "root_doc": first,
        }
        with patch_docutils(), docutils_namespace():
            # What only a whole book has, such as other pages, is missing, and Sphinx says so: nobody needs to hear it.
            app = Sphinx(source, None, target, Path(place, "read"), "gettext", chosen, status=None, warning=None)
            app.build()


def write_language(folder: Path, language: str) -> None:
    """Let a staged book be built in another language.

    Raises:
        BrainsegError: If there is no translation to it.
    """
    languages = sorted(path.name for path in (folder / LOCALE).iterdir() if path.is_dir())
    config = folder / "_config.yml"
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    settings["sphinx"]["config"]["language"] = known(language, languages, "LOCALE")
    config.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
