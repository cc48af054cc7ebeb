from typing import Any

import pytest
import yaml

from brainseg.data.schema import require
from brainseg.errors import BrainsegError

SCHEMA = yaml.safe_load(
    """
    description: a mapping
    type: object
    additionalProperties: false
    required: [name]
    properties:
      name: {type: string, description: a text}
      scale: {enum: [quick, full]}
      seeds:
        type: array
        uniqueItems: true
        description: a list of different whole numbers
        items: {type: integer, minimum: 0}
      steps: {type: array, items: {enum: [published, corrected]}}
    """
)


def test_what_fits_is_accepted() -> None:
    require({"name": "a"}, SCHEMA, "a file")
    require({"name": "a", "scale": "full", "seeds": [0, 1], "steps": ["corrected"]}, SCHEMA, "a file")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (3, "received 3, expected a mapping"),
        ({"scale": "quick"}, "the field name is missing: add it"),
        ({"name": "a", "colour": 1}, "received the unknown field colour, expected name, scale, seeds, steps"),
        ({"name": 1}, "received name 1, expected a text"),
        ({"name": "a", "scale": "fill"}, "received scale 'fill', expected one of: quick, full"),
        ({"name": "a", "seeds": 1}, "received seeds 1, expected a list of different whole numbers"),
        ({"name": "a", "seeds": [True]}, "received seeds True, expected a list of different whole numbers"),
        ({"name": "a", "seeds": [-1]}, "received seeds -1, expected a list of different whole numbers"),
        ({"name": "a", "seeds": [1, 1]}, "received seeds [1, 1], expected a list of different whole numbers"),
        ({"name": "a", "steps": ["last"]}, "received steps 'last', expected one of: published, corrected"),
    ],
)
def test_what_does_not_is_refused_in_one_line(entry: Any, message: str) -> None:
    with pytest.raises(BrainsegError) as refused:
        require(entry, SCHEMA, "a file")
    assert str(refused.value) == f"a file: {message}"
