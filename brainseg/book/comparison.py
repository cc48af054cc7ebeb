"""When a re-executed output agrees with the committed one: same words, and numbers equal within a stated tolerance."""

import re

NUMBER = re.compile(r"[-+−]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def agree(reference: str, output: str, trained_tolerance: float | None = None) -> bool:
    """Whether two text outputs agree.

    Everything that is not a number must be equal, except for white space and the rules of tables, whose length depends
    on the numbers. Two numbers agree if they differ by at most one unit in the last decimal that is shown; whole
    numbers must be equal. That is what rounding can do between processors.

    Parameters
    ----------
    reference, output
        The committed text and the new one.
    trained_tolerance
        For outputs that descend from a trained network, whose rounding differences training has multiplied: numbers
        with decimals may then differ by this much, whole numbers by this fraction of the reference.

    Examples
    --------
    >>> agree("Dice  0.713", "Dice 0.714")
    True
    >>> agree("Dice  0.713", "Dice 0.715")
    False
    >>> agree("Dice  0.713", "Dice 0.76", trained_tolerance=0.05)
    True
    >>> agree("12 images", "13 images")
    False
    """
    if _words(reference) != _words(output):
        return False
    numbers = zip(NUMBER.findall(reference), NUMBER.findall(output), strict=True)
    return all(_close(one, other, trained_tolerance) for one, other in numbers)


def _words(text: str) -> str:
    return re.sub(r"[\s\-─]+", " ", NUMBER.sub("#", text)).strip()


def _close(reference: str, output: str, trained_tolerance: float | None) -> bool:
    one, other = (float(text.replace("−", "-")) for text in (reference, output))
    whole = not any(mark in reference for mark in ".eE")
    if trained_tolerance is not None:
        allowed = trained_tolerance * (abs(one) if whole else 1.0)
    else:
        allowed = 0.0 if whole else _last_place(reference)
    return abs(one - other) <= allowed * (1 + 1e-9)


def _last_place(number: str) -> float:
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return float(10.0 ** (int(exponent or 0) - decimals))
