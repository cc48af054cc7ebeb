"""Whatever is written as YAML or JSON, checked against a JSON Schema, with an error of one line."""

import json
import math
from collections import deque
from collections.abc import Hashable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from brainseg.data.outside import TEXT, expecting, read_bytes, shown
from brainseg.errors import BrainsegError


@cache
def _validator() -> Any:
    # Here, because a picture should not wait for it.
    from jsonschema import Draft202012Validator, validators  # type: ignore[import-untyped]

    types = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda checker, value: type(value) is int,  # else 1.0 would be a whole number
            "number": lambda checker, value: type(value) in (int, float) and abs(value) < math.inf,
        }
    )
    return validators.extend(Draft202012Validator, type_checker=types)


if TYPE_CHECKING:
    from jsonschema import ValidationError  # type: ignore[import-untyped]

_VALUES = 100_000


class _Loader(yaml.SafeLoader):
    """Reads plain YAML, and no field twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            raise yaml.YAMLError("a field twice")
        return mapping


def read_yaml(path: Path) -> Any:
    """Read a YAML file in UTF-8.

    Raises:
        BrainsegError: If it cannot be read, is no YAML, or has more than a quarter of a megabyte.
    """
    content = read_bytes(path, TEXT >> 6)
    with expecting(f"{path} is no YAML", "correct it"):
        loaded = yaml.load(content.decode(), _Loader)  # noqa: S506 (a SafeLoader)
        _require_small(loaded)
        return loaded


def _require_small(content: Any) -> None:
    """Refuse what aliases make huge, or endless, of a short text."""
    waiting, seen = [content], 0
    while waiting:
        one = waiting.pop()
        seen += 1
        if seen > _VALUES:
            raise ValueError(f"more than {_VALUES:,} values")
        waiting += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()


def read_json(content: bytes, path: Path, instead: str) -> Any:
    """Read JSON in UTF-8, with or without byte order mark; its numbers are finite.

    Raises:
        BrainsegError: If it is no JSON.
    """
    with expecting(f"{path} is not valid JSON", instead):
        return json.loads(content.decode("utf-8-sig"), parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"the number {constant}")


def require(entry: object, schema: Mapping[str, Any], where: str) -> None:
    """Refuse an entry, a mapping of fields to values, that does not fit its schema.

    Args:
        schema: Its ``description``, and that of a field, says in words what is expected.
        where: What the entry is, for the error.

    Raises:
        BrainsegError: Naming the first field that does not fit.

    >>> seed = {"type": "integer", "description": "a whole number"}
    >>> require({"seed": 1.5}, {"properties": {"seed": seed}}, "experiment ladder")
    Traceback (most recent call last):
    brainseg.errors.BrainsegError: experiment ladder: received seed 1.5, expected a whole number
    """
    if error := next(_validator()(schema).iter_errors(entry), None):
        raise BrainsegError(f"{where}: {_words(error, schema)}")


def _words(error: "ValidationError", schema: Mapping[str, Any]) -> str:
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"the field {missing}{_of(error.path)} is missing: add it"
    if error.validator == "additionalProperties":
        fields = error.schema["properties"]
        unknown = next(name for name in error.instance if name not in fields)
        return f"received the unknown field {shown(unknown)[1:-1]}, expected {', '.join(fields)}"
    field = f"{_place(error.path)} " if error.path else ""
    if error.validator == "enum":
        return f"received {field}{shown(error.instance)}, expected one of: {', '.join(map(str, error.validator_value))}"
    about = schema.get("properties", {}).get(error.path[0], schema) if error.path else schema
    words = error.schema.get("description") or about["description"]
    return f"received {field}{shown(error.instance)}, expected {words}"


def _of(path: "deque[str | int]") -> str:
    return f" of {_place(path, whole=True)}" if path else ""


def _place(path: "deque[str | int]", whole: bool = False) -> str:
    """A field as one writes it, ``images[3].height``; of a list of plain values the list alone."""
    steps = list(path)
    while not whole and len(steps) > 1 and isinstance(steps[-1], int):
        steps.pop()
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
