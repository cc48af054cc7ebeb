"""What chapters show besides figures: sentences and tables with computed numbers, and source code."""

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd
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


def count(number: int, total: int, things: str) -> str:
    """Say how many, of how many, and what share.

    >>> count(375, 2146, "images")
    '375 of 2,146 images (17.5 %)'
    """
    share = f" ({100 * number / total:.1f} %)" if total else ""
    return f"{number:,} of {total:,} {things}{share}"


def percent(frame: pd.DataFrame, decimals: int = 1) -> pd.DataFrame:
    """Show the shares (0 to 1) of a table as percentages; other columns stay.

    >>> import pandas as pd
    >>> percent(pd.DataFrame({"model": ["unet"], "accuracy": [0.9661]}))
      model accuracy
    0  unet   96.6 %
    """

    def show(value: Any) -> Any:
        return f"{100 * value:.{decimals}f} %" if isinstance(value, float) else value

    return frame.map(show)
