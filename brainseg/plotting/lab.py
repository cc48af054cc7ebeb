"""Parts of a page that a reader can use: their data, what stands there without a script, and the script itself.

The script is ``lab.js`` beside this file, its looks are ``lab.css``; the book's pages load both once. A part is a piece
of HTML with its data inside, so that it needs no server and no network.
"""

import base64
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCRIPT, LOOKS = "lab.js", "lab.css"


def part(name: str, content: Mapping[str, Any], instead: str) -> str:
    """A part of a page.

    Args:
        name: Which one, as the script knows it.
        content: Its data, for JSON.
        instead: HTML that stands there where no script runs.

    >>> part("find", {"cases": []}, "A picture.")
    '<div class="lab" data-lab="find">A picture.<script type="application/json">{"cases":[]}</script></div>'
    """
    data = json.dumps(content, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
    return f'<div class="lab" data-lab="{name}">{instead}<script type="application/json">{data}</script></div>'


def still(picture: bytes, says: str) -> str:
    """A PNG file with what it shows, a sentence or two, to stand in place of a part.

    >>> still(b"", "A slice & its border.")
    '<figure><img alt="" src="data:image/png;base64,"><figcaption>A slice &amp; its border.</figcaption></figure>'
    """
    return f'<figure><img alt="" src="{png_address(picture)}"><figcaption>{html.escape(says)}</figcaption></figure>'


def source(name: str) -> str:
    """:data:`SCRIPT` or :data:`LOOKS` as a page needs it: without what is only for who reads the source.

    >>> source(SCRIPT).startswith('"use strict";')
    True
    """
    text = files("brainseg.plotting").joinpath(name).read_text(encoding="utf-8")
    text = re.sub(r"^(\s*(//.*|/\*[^*]*\*/)\n)*\s*", "", text, flags=re.MULTILINE)
    return re.sub(r"(?<=[;{,])\n", "", text)


def code() -> str:
    """Looks and script, for where no page of the book loads them: in a notebook."""
    return f"<style>{source(LOOKS)}</style><script>{source(SCRIPT)}</script>"


def pixels(image: NDArray[Any]) -> dict[str, Any]:
    """A square image, 0 to 255, for the script.

    >>> pixels(np.array([[0, 255], [1, 2]]))
    {'size': 2, 'pixels': 'AP8BAg=='}
    """
    return {"size": len(image), "pixels": _base64(np.asarray(image, np.uint8).tobytes())}


def bits(mask: NDArray[Any]) -> dict[str, Any]:
    """A square mask, 0 and 1, for the script.

    >>> bits(np.array([[0, 1], [0, 1]]))
    {'size': 2, 'bits': 'UA=='}
    """
    return {"size": len(mask), "bits": _base64(np.packbits(np.asarray(mask, bool)).tobytes())}


def png_address(file: bytes) -> str:
    """A PNG file as an address that holds it."""
    return f"data:image/png;base64,{_base64(file)}"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
