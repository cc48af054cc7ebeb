"""When the outputs of a re-executed cell agree with the committed ones: the same words, numbers and pictures, nearly.

Words must be equal. Numbers may differ by what rounding can do, pictures by what a changed number does to a curve. On
x86-64 with AVX2 that is so after training, too, because there it gives the same bytes everywhere; on other processors,
both may differ more. Each tolerance stands here with its reason, and nowhere else.
"""

import base64
import math
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.opencv import cv2
from brainseg.errors import BrainsegError

SIDE = 32
"""Pictures are shrunk to this height and width: a tick label more or less moves everything by a pixel or two."""


@dataclass(frozen=True)
class Tolerance:
    """How far outputs may be apart.

    Attributes:
        numbers: Decimals absolutely, whole numbers as a share of the reference. None: decimals by one unit in the last
            place that is shown, whole numbers not at all.
        pictures: See :func:`distance`.
    """

    numbers: float | None
    pictures: float


ROUNDING = Tolerance(None, 0.005)
"""What rounding can do between processors. Pictures without a trained network came out equal on two of them; the two
most alike in the book, graphs of two networks, are 0.009 apart."""

TOLERANCES: Mapping[str, Tolerance] = {"trained": Tolerance(0.25, 0.12), "corrected": Tolerance(0.45, 0.12)}
"""By the tag of cells whose outputs descend from a trained network, on processors with other arithmetic than x86-64 with
AVX2: twice what training with other arithmetic changed.

With oneDNN switched off, Dice of networks trained as published (``trained``) moved by up to 0.13, of those with the
corrected training (``corrected``) by up to 0.21. The same networks, trained with the same sums in another order, drew
pictures that are up to 0.064 apart. Learning curves of different networks are 0.20 apart or more, a curve and the empty
frame about as much.
"""

UNSTABLE = "unstable"
"""Tag of cells that other arithmetic can turn over entirely: they are compared where it is the same, and only there."""

NUMBER = re.compile(r"(?<![\w.])[-+−]?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,2})?(?!\w)")
"""A number that stands by itself; digits inside a word, such as the name of a run, are part of the word."""


LEVELS = ("bitwise", "within rounding", "statistical")


@dataclass(frozen=True)
class Comparison:
    """An output beside its reference.

    Attributes:
        level: One of :data:`LEVELS`: how closely they agree. Empty if they do not.
        kind: MIME type, or name of the stream.
        difference: The largest one found, as a share of what is allowed there; infinite where words differ or an output
            is missing.
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
    """Whether this processor is one on which a training gives the bytes of the committed one: x86-64 with AVX2."""
    information = Path("/proc/cpuinfo")
    known = not information.is_file() or " avx2 " in information.read_text()
    return platform.machine() in ("x86_64", "AMD64") and known


def compare(
    reference: Sequence[Mapping[str, Any]],
    output: Sequence[Mapping[str, Any]],
    tags: Sequence[str] = (),
    exact: bool | None = None,
) -> list[Comparison]:
    """Compare all outputs of a cell with the committed ones.

    Args:
        reference, output: Outputs in the form of a notebook (nbformat 4): dictionaries with ``output_type``.
        tags: Of the cell; one of :data:`TOLERANCES` chooses another tolerance than :data:`ROUNDING`, unless
        exact: Whether both were made in the same arithmetic; None: what :func:`same_arithmetic` says.

    Returns:
        One for each stream and each MIME type of each displayed thing; none of a cell that is :data:`UNSTABLE`, in
        other arithmetic.

    >>> said = {"output_type": "stream", "name": "stdout", "text": "Dice 0.713"}
    >>> [one.message for one in compare([said], [said | {"text": "Dice 0.76"}])]
    ['0.713 became 0.76; 0.001 is allowed']
    >>> [one.message for one in compare([said], [])]
    ['the output is missing']
    """
    exact = same_arithmetic() if exact is None else exact
    if UNSTABLE in tags and not exact:
        return []
    allowed = ROUNDING if exact else next((TOLERANCES[tag] for tag in tags if tag in TOLERANCES), ROUNDING)
    old, new = _by_kind(reference), _by_kind(output)
    return [
        _compared(kind, *pair, allowed)
        for kind in dict.fromkeys([*old, *new])
        for pair in zip_longest(old.get(kind, []), new.get(kind, []))
    ]


def compare_texts(reference: str, output: str, allowed: Tolerance = ROUNDING, kind: str = "text/plain") -> Comparison:
    """Compare two texts.

    Everything that is not a number must be equal, except for white space and the rules of tables, whose length depends
    on the numbers.

    >>> compare_texts("Dice  0.713", "Dice 0.714").agrees, compare_texts("Dice  0.713", "Dice 0.715").agrees
    (True, False)
    >>> compare_texts("12 images", "13 images").agrees
    False
    """
    words, new_words = _words(reference), _words(output)
    if words != new_words:
        return Comparison(kind, "", math.inf, _changed_words(words, new_words), reference, output)
    worst, message = 0.0, ""
    for old, new in zip(NUMBER.findall(reference), NUMBER.findall(output), strict=True):
        difference, most = abs(float(_value(old) - _value(new))), _allowed(old, allowed)
        share = difference / most if most else math.inf if difference else 0.0
        if share > worst:
            worst, message = share, f"{old} became {new}; {most:g} is allowed"
    return Comparison(kind, _level(reference, output, worst, allowed), worst, message, reference, output)


def compare_pictures(reference: str, output: str, allowed: Tolerance = ROUNDING, kind: str = "image/png") -> Comparison:
    """Compare two pictures, given in base64; what is equal bit for bit are their pixels, not what else a file says."""
    found = distance(base64.b64decode(reference), base64.b64decode(output))
    message = f"the pictures differ by {found:.3f}; {allowed.pictures:g} is allowed" if found else ""
    share = found / allowed.pictures
    old, new = (_pixels(base64.b64decode(picture)) for picture in (reference, output))
    level = LEVELS[0] if np.array_equal(old, new) else _level(reference, output, share, allowed)
    return Comparison(kind, level, share, message, reference, output)


def distance(reference: bytes, output: bytes) -> float:
    """Share of the ink that is not in the same place and of the same colour in both pictures.

    Ink is what a pixel lacks to white, in each colour. The distance is that of Bray and Curtis: the sum of the
    differences over the sum of all ink. It does not depend on how much of a picture is empty.

    Returns:
        0 for equal pictures, 1 if one of them is empty or nothing coincides.

    Raises:
        BrainsegError: If one of them is neither a PNG nor a JPEG file.

    >>> def drawn(column):
    ...     picture = np.full((192, 192, 3), 255, np.uint8)
    ...     picture[:, column : column + 16] = 0
    ...     return cv2.imencode(".png", picture)[1].tobytes()
    >>> distance(drawn(32), drawn(32)), distance(drawn(32), drawn(96)), round(distance(drawn(32), drawn(36)), 2)
    (0.0, 1.0, 0.25)
    """
    one, other = _ink(reference), _ink(output)
    everything = float((one + other).sum())
    return float(np.abs(one - other).sum()) / everything if everything else 0.0


def _compared(kind: str, reference: str | None, output: str | None, allowed: Tolerance) -> Comparison:
    if reference is None or output is None:
        message = "the output is missing" if output is None else "the reference has no such output"
        return Comparison(kind, "", math.inf, message, reference, output)
    return (compare_pictures if kind in ("image/png", "image/jpeg") else compare_texts)(
        reference, output, allowed, kind
    )


def _level(reference: str, output: str, share: float, allowed: Tolerance) -> str:
    if share > 1 + 1e-9:
        return ""
    bitwise, rounding, statistical = LEVELS
    return bitwise if reference == output else rounding if allowed is ROUNDING else statistical


def _by_kind(outputs: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for output in outputs:
        if output["output_type"] == "stream":
            contents = {output["name"]: output["text"]}
        elif output["output_type"] == "error":
            contents = {"error": f"{output['ename']}: {output['evalue']}"}
        else:
            contents = output["data"]
        for kind, content in contents.items():
            found.setdefault(kind, []).append(content if isinstance(content, str) else str(content))
    return found


def _words(text: str) -> str:
    return re.sub(r"[\s\-─]+", " ", NUMBER.sub("#", text)).strip()


def _changed_words(reference: str, output: str) -> str:
    """The first place at which two texts differ."""
    old, new = reference.split(), output.split()
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    _, i, j, k, m = next(change for change in changes if change[0] != "equal")
    before, after = (" ".join(words[:12]) or "nothing" for words in (old[i:j], new[k:m]))
    return f"{before!r} became {after!r}"


def _value(number: str) -> Decimal:
    return Decimal(number.replace("−", "-"))


def _allowed(reference: str, allowed: Tolerance) -> float:
    whole, value = not any(mark in reference for mark in ".eE"), _value(reference)
    if allowed.numbers is not None:
        return allowed.numbers * (abs(float(value)) if whole else 1.0)
    return 0.0 if whole else float(Decimal(1).scaleb(int(value.as_tuple().exponent)))


def _ink(picture: bytes) -> NDArray[np.float64]:
    colours = np.atleast_3d(_pixels(picture)).astype(np.float64) / 255
    opacity = colours[..., 3:] if colours.shape[-1] == 4 else 1.0
    ink = opacity * (1 - colours[..., :3])
    return np.atleast_3d(cv2.resize(ink, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def _pixels(picture: bytes) -> NDArray[Any]:
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED) if picture else None
    if pixels is None:
        raise BrainsegError(f"received {len(picture)} bytes that are no picture, expected a PNG or JPEG file")
    return np.asarray(pixels)
