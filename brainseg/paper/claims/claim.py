"""A claim: who says what, where, how it is tested, what a difference is allowed to be, and which verdicts there are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GROUPS = ("table", "words", "book")

REPRODUCED = "reproduced"
PARTLY = "partly"
NOT_REPRODUCED = "not reproduced"
REFUTED = "refuted"
CANNOT_TELL = "cannot tell"
ARTEFACT = "artefact"
CANNOT_BE_TESTED = "cannot be tested"
VERDICTS: Mapping[str, str] = {
    REPRODUCED: "The test finds what is claimed, within the tolerance.",
    PARTLY: "The test finds some of what is claimed, and does not find the rest.",
    NOT_REPRODUCED: "The test was run and does not find what is claimed.",
    REFUTED: "The test could have seen the improvement that is claimed, and there is none that matters.",
    CANNOT_TELL: "The test could not have seen an improvement as small as one that matters, and has seen none.",
    ARTEFACT: "Something other than what is claimed explains the value.",
    CANNOT_BE_TESTED: "What a test needs does not exist; the reason says what that is.",
}
"""All verdicts, and what each says."""


@dataclass(frozen=True)
class Claim:
    """One entry of the claims ledger.

    Attributes:
        id: Its name, in lower case with hyphens.
        maker: ``"study"`` or ``"book"``: a book about claims makes some itself. In a ledger of one's own, what is
            audited, and who audits.
        quote: The exact words.
        place: Where they stand.
        published: The number that is claimed, if it is one.
        test: Name of the test, see :data:`brainseg.paper.claims.verdicts.TESTS`.
        arguments: What the test takes besides the claim and the evidence.
        tolerance: The largest difference that counts as none. Which difference that is, the test says.
        reason: Why it is this large.
        shown_in: Chapter and section that show it, as ``NN_name: Heading``; of a ledger of one's own maybe none.
    """

    id: str
    maker: str
    quote: str
    place: str
    test: str
    tolerance: float
    reason: str
    shown_in: str = ""
    published: float | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """One of :data:`GROUPS`: entries of the study's table, what it says in words, what this book says."""
        if self.maker == "book":
            return "book"
        return "table" if self.test.startswith("table_") else "words"
