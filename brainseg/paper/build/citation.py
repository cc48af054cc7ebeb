"""How to cite the book, from ``CITATION.cff``."""

from pathlib import Path

import yaml


def how_to_cite(file: Path) -> str:
    """What a reader may copy, as MyST: a sentence, and an entry for BibTeX."""
    about = yaml.safe_load(file.read_text(encoding="utf-8"))
    authors = [
        author.get("name") or f"{author['family-names']}, {author['given-names']}" for author in about["authors"]
    ]
    year = str(about["date-released"])[:4]
    address = about.get("url") or about.get("repository-code") or ""
    fields = {
        "author": " and ".join(f"{{{name}}}" if "," not in name else name for name in authors),
        "title": f"{{{about['title']}}}",
        "version": str(about["version"]),
        "year": year,
        "url": address,
        "license": about["license"],
    }
    entry = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    sentence = f"{'; '.join(authors)} ({year}). *{about['title']}*. Version {about['version']}. {address}".rstrip()
    return f"{about['message']}\n\n> {sentence}\n\n```bibtex\n@software{{brainseg{year},\n{entry}\n}}\n```\n"
