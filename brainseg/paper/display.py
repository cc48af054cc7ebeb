"""What chapters show besides figures: sentences with computed numbers, and source code."""

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

from IPython.display import Markdown

REFERENCE = re.compile(r'\n\n *(?:(?:Args|Returns|Yields|Raises):\n|>>> ).*?(?=""")', re.DOTALL)
"""In a docstring: from the first section that describes arguments, results, errors or examples, to the end."""


def source(*things: Callable[..., Any]) -> Markdown:
    """Show the source code of functions or classes as the package has it, without the reference part of docstrings.

    >>> shown = source(items).data
    >>> "Show sentences" in shown, ">>>" in shown
    (True, False)
    """
    code = "\n\n".join(REFERENCE.sub("", inspect.getsource(thing)).rstrip() for thing in things)
    return Markdown(f"```python\n{code}\n```")


def items(sentences: Iterable[str]) -> Markdown:
    """Show sentences as a list.

    >>> print(items(["One.", "Two."]).data)
    - One.
    - Two.
    """
    return Markdown("\n".join(f"- {sentence}" for sentence in sentences))
