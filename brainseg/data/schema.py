"""What people write by hand, checked against a JSON Schema, with an error of one line."""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators  # type: ignore[import-untyped]

from brainseg.errors import BrainsegError

TYPES = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda checker, value: type(value) is int)
Validator = validators.extend(Draft202012Validator, type_checker=TYPES)  # else 1.0 would be a whole number


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
    if error := next(Validator(schema).iter_errors(entry), None):
        raise BrainsegError(f"{where}: {_words(error, schema)}")


def _words(error: ValidationError, schema: Mapping[str, Any]) -> str:
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"the field {missing} is missing: add it"
    if error.validator == "additionalProperties":
        fields = error.schema["properties"]
        unknown = next(name for name in error.instance if name not in fields)
        return f"received the unknown field {unknown}, expected {', '.join(fields)}"
    field = f"{error.path[0]} " if error.path else ""
    if error.validator == "enum":
        return f"received {field}{error.instance!r}, expected one of: {', '.join(map(str, error.validator_value))}"
    words = error.schema.get("description") or schema["properties"][error.path[0]]["description"]
    return f"received {field}{error.instance!r}, expected {words}"
