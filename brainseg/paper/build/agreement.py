"""When the outputs of a re-executed cell agree with the committed ones: if equal, in letters, lines and pixels.

Chapters are compared as the networks that come with the repository make them, so no training stands between an output
and its reference. On x86-64 with AVX2 the same inputs give the same bytes, and every output has to be equal. On other
processors sums are added in another order. There, in cells that show what a network answers
(:func:`brainseg.paper.build.descent.answered`), decimals may differ by what rounding can do, those in drawings, too,
and pictures by the rims of what is drawn. Nothing else may, and nothing that a notebook says of itself changes what is
allowed.
"""

import base64
import math
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import SequenceMatcher
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import BrainsegError
from brainseg.opencv import cv2
from brainseg.paper.build.marks import PNG, SVG, unmarked

LEVELS = BITWISE, ROUNDING, STATISTICAL = "bitwise", "within rounding", "statistical"
"""How closely things may agree, closest first. Outputs of chapters never agree statistically; networks may."""

SEEN = 32
"""By how much of 255 a pixel must differ in a colour to count as another: rims are drawn with less where a sum is
rounded the other way."""

PIXELS = 0.003
"""Share of pixels that may be others after rounding. The two figures most alike in the book, graphs of two networks,
differ in 0.011 of their pixels; answers of two networks in 0.047 or more."""

NUMBER = re.compile(r"(?<![\w.#])[-+−]?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,2})?(?!\w)")
"""A number that stands by itself; digits inside a word, such as the name of a run, or a colour, belong to it."""

IDENTIFIER = re.compile(r'(?<= id=")[^"]+|(?<=href="#)[^"]+|(?<=url\(#)[^)]+')
"""In SVG, what is drawn more than once, or cut by what. Names are hashes of numbers."""

NEAR = 100
"""Words after the first difference of two texts that are looked at, to say what became what."""

EMBEDDED = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
"""A picture that is part of a text, as in a viewer."""


Part = tuple[str, str]
"""Kind of an output – its MIME type, or the name of the stream – and its content."""


@dataclass(frozen=True)
class Comparison:
    """An output beside its reference.

    Attributes:
        level: One of :data:`LEVELS`: how closely they agree. Empty if they do not.
        kind: MIME type, or name of the stream.
        difference: The largest one found, as a share of what is allowed there; infinite where nothing is, where words
            differ or where an output is missing.
        message: What differs most, in words; empty if nothing differs.
        reference, output: As texts; pictures as base64. None where there is none.
    """

    kind: str
    level: str
    difference: float
    message: str
    reference: str | None
    output: str | None

    @property
    def agrees(self) -> bool:
        """Whether the difference is one that is allowed."""
        return bool(self.level)


def same_arithmetic() -> bool:
    """Whether this processor is one that gives the bytes of the committed outputs: x86-64 with AVX2."""
    information = Path("/proc/cpuinfo")
    known = not information.is_file() or " avx2 " in information.read_text()
    return platform.machine() in ("x86_64", "AMD64") and known


def compare(
    reference: Sequence[Mapping[str, Any]], output: Sequence[Mapping[str, Any]], rounded: bool = False
) -> list[Comparison]:
    """Compare all outputs of a cell with the committed ones.

    Args:
        reference, output: Outputs in the form of a notebook (nbformat 4): dictionaries with ``output_type``.
        rounded: Whether rounding may have made a difference.

    Returns:
        One for each stream and each MIME type of each displayed thing.

    >>> said = {"output_type": "stream", "name": "stdout", "text": "Dice 0.713"}
    >>> [one.message for one in compare([said], [said | {"text": "Dice 0.714"}])]
    ['0.713 became 0.714']
    >>> compare([said], [said | {"text": "Dice 0.714"}], rounded=True)[0].level
    'within rounding'
    >>> [one.message for one in compare([said], [])]
    ['the output is missing']
    """
    pairs = zip_longest(_parts(reference), _parts(output))
    return [found for old, new in pairs for found in _compared(old, new, rounded)]


def _parts(outputs: Sequence[Mapping[str, Any]]) -> list[Part]:
    """Kind and content of all that a cell's outputs hold, in order."""
    return [part for output in outputs for part in _contents(output)]


def compare_texts(reference: str, output: str, rounded: bool = False, kind: str = "text/plain") -> Comparison:
    """Compare two texts: they are equal, or were rounded.

    Rounded texts have the same words, but for white space and the rules of tables, whose length depends on the numbers;
    whole numbers are equal, decimals differ by one unit in the last place that is shown at most, and so do pictures in
    a text by what :func:`compare_pictures` allows.

    >>> compare_texts("Dice  0.713", "Dice 0.714", rounded=True).agrees
    True
    >>> compare_texts("Dice  0.713", "Dice 0.715", rounded=True).message
    '0.713 became 0.715; 0.001 is allowed'
    >>> compare_texts("12 images", "13 images", rounded=True).agrees
    False
    """
    if reference == output:
        return Comparison(kind, BITWISE, 0.0, "", reference, output)
    old, new = (EMBEDDED.sub("picture", text) for text in (reference, output))
    words, new_words = _words(old), _words(new)
    if words != new_words:
        return Comparison(kind, "", math.inf, _changed_words(words, new_words), reference, output)
    found = [(0.0, "only white space differs"), *_numbers(old, new), *_pictures(reference, output)]
    worst, message = max(found, key=lambda one: one[0])
    if not rounded:
        return Comparison(kind, "", math.inf, message.partition(";")[0], reference, output)
    return Comparison(kind, ROUNDING if worst <= 1 + 1e-9 else "", worst, message, reference, output)


def compare_pictures(reference: str, output: str, rounded: bool = False, kind: str = "image/png") -> Comparison:
    """Compare two pictures, given in base64: their pixels, not what else a file says."""
    share = differing(base64.b64decode(reference), base64.b64decode(output))
    if share is None:
        return Comparison(kind, BITWISE, 0.0, "", reference, output)
    message = f"{100 * share:.2f} % of the pixels differ" + (f"; {100 * PIXELS:g} % is allowed" if rounded else "")
    agrees = rounded and share <= PIXELS
    difference = share / PIXELS if rounded else math.inf
    return Comparison(kind, ROUNDING if agrees else "", difference, message, reference, output)


def compare_drawings(reference: str, output: str, rounded: bool = False, kind: str = SVG) -> Comparison:
    """Compare two drawings, SVG: all of them but their marks, as texts.

    Rounded ones may have other names for what they refer to, in the same places; coordinates have two decimals.

    >>> one, other = ('<use href="#a"/>1.00', '<use href="#b"/>1.01')
    >>> compare_drawings(one, other).agrees, compare_drawings(one, other, rounded=True).level
    (False, 'within rounding')
    """
    old, new = (unmarked(drawing) for drawing in (reference, output))
    if rounded:
        old, new = (_numbered(drawing) for drawing in (old, new))
        rounded = NUMBER.sub("#", old) == NUMBER.sub("#", new)
    return replace(compare_texts(old, new, rounded, kind), reference=reference, output=output)


def differing(reference: bytes, output: bytes) -> float | None:
    """Share of the pixels of a picture that are others by more than :data:`SEEN` in another one; None if all are equal.

    Pictures of other shapes differ in all pixels.

    Raises:
        BrainsegError: If one of them is neither a PNG nor a JPEG file.

    >>> def drawn(column):
    ...     picture = np.full((64, 64, 3), 255, np.uint8)
    ...     picture[:, column : column + 16] = 0
    ...     return cv2.imencode(".png", picture)[1].tobytes()
    >>> differing(drawn(8), drawn(8)), differing(drawn(8), drawn(32)), differing(drawn(8), drawn(12))
    (None, 0.5, 0.125)
    """
    one, other = (_pixels(picture) for picture in (reference, output))
    if one.shape != other.shape:
        return 1.0
    if np.array_equal(one, other):
        return None
    differences = np.abs(np.atleast_3d(one).astype(int) - np.atleast_3d(other)).max(axis=2)
    return float((differences > SEEN).mean())


COMPARED = {PNG: compare_pictures, "image/jpeg": compare_pictures, SVG: compare_drawings}
"""How what is no text is compared, by its kind."""


def _compared(old: Part | None, new: Part | None, rounded: bool) -> Iterator[Comparison]:
    if old is not None and new is not None and old[0] == new[0]:
        yield COMPARED.get(old[0], compare_texts)(old[1], new[1], rounded, old[0])
    else:
        if old is not None:
            yield Comparison(old[0], "", math.inf, "the output is missing", old[1], None)
        if new is not None:
            yield Comparison(new[0], "", math.inf, "the reference has no such output", None, new[1])


def _contents(output: Mapping[str, Any]) -> Iterator[Part]:
    if output["output_type"] == "stream":
        yield output["name"], output["text"]
    elif output["output_type"] == "error":
        yield "error", f"{output['ename']}: {output['evalue']}"
    else:
        for kind, content in sorted(output["data"].items()):
            yield kind, content if isinstance(content, str) else str(content)


def _numbers(reference: str, output: str) -> Iterator[tuple[float, str]]:
    """Each number's difference as a share of what rounding can do, and what to say of it."""
    for old, new in zip(NUMBER.findall(reference), NUMBER.findall(output), strict=True):
        if difference := abs(float(_value(old) - _value(new))):
            most = _last_place(old)
            yield difference / most if most else math.inf, f"{old} became {new}; {most:g} is allowed"


def _pictures(reference: str, output: str) -> Iterator[tuple[float, str]]:
    for pair in zip(EMBEDDED.findall(reference), EMBEDDED.findall(output), strict=True):
        found = compare_pictures(*pair, rounded=True)
        if found.message:
            yield found.difference, found.message


def _words(text: str) -> str:
    return re.sub(r"[\s\-─]+", " ", NUMBER.sub("#", text)).strip()


def _changed_words(reference: str, output: str) -> str:
    """The first place at which two texts differ; what comes long after it is not looked at."""
    old, new = reference.split(), output.split()
    same = next((place for place, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), None)
    start = min(len(old), len(new)) if same is None else same
    old, new = (words[start : start + NEAR] for words in (old, new))
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    _, i, j, k, m = next(change for change in changes if change[0] != "equal")
    before, after = (" ".join(words[:12]) or "nothing" for words in (old[i:j], new[k:m]))
    return f"{before!r} became {after!r}"


def _value(number: str) -> Decimal:
    return Decimal(number.replace("−", "-"))


def _last_place(number: str) -> float:
    """One unit in the last place of a decimal; 0 for a whole number."""
    whole = not any(mark in number for mark in ".eE")
    return 0.0 if whole else float(Decimal(1).scaleb(int(_value(number).as_tuple().exponent)))


def _numbered(drawing: str) -> str:
    """A drawing with numbers in place of names, in the order of what is named."""
    names: dict[str, int] = {}
    return IDENTIFIER.sub(lambda found: f"n{names.setdefault(found[0], len(names))}", drawing)


def _pixels(picture: bytes) -> NDArray[Any]:
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED) if picture else None
    if pixels is None:
        raise BrainsegError(f"received {len(picture)} bytes that are no picture, expected a PNG or JPEG file")
    return np.asarray(pixels)
