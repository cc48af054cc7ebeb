"""What the study's texts say, known by hashes: a quotation can be checked where the texts are not.

Of each text a file keeps the SHA-256 of the whole and one short hash for each three words in a row:
``python -m tests.paper.quotations FOLDER`` writes it from the texts.
"""

import hashlib
import json
import re
import sys
from pathlib import Path

KNOWN = Path(__file__).with_suffix(".json")
TEXTS = ("original-readme.md", "published-pipeline.md")
ROW = 3
"""Words in a row that are hashed together."""


def plain(text: str) -> str:
    """Text as a reader sees it: without roles, emphasis and line ends."""
    text = re.sub(r"\{[\w:]+\}`([^`<]*?)(?:\s*<[^`]*>)?`", r"\1", re.sub(r"\n#? ?", " ", text))
    return re.sub(r"\s+", " ", text.replace("**", ""))


def rows(text: str) -> set[str]:
    """Short hashes of each three words in a row; signs of punctuation around words do not count."""
    words = list(filter(None, (word.strip(".,;:!?()|*\\\"'“”") for word in plain(text).split())))
    threes = (" ".join(words[start : start + ROW]) for start in range(len(words) - ROW + 1))
    return {hashlib.sha256(three.encode()).hexdigest()[:8] for three in threes}


def hashed(text: str) -> dict[str, object]:
    """What is kept of a text."""
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "rows": sorted(rows(text))}


def is_known(quote: str, text: str) -> bool:
    """Whether all rows of words of a quotation stand in a text that is known by its hashes."""
    known = json.loads(KNOWN.read_text(encoding="utf-8"))[text]["rows"]
    return bool(rows(quote)) and rows(quote) <= set(known)


if __name__ == "__main__":
    texts = {name: hashed((Path(sys.argv[1]) / name).read_text(encoding="utf-8")) for name in TEXTS}
    KNOWN.write_text(json.dumps(texts) + "\n", encoding="utf-8")
