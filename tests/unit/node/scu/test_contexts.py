from __future__ import annotations

import pytest

from node.errors import PermanentFailure
from node.scu.sender import choose_syntax, proposed_contexts

SR = "1.2.840.10008.5.1.4.1.1.88.33"
SC = "1.2.840.10008.5.1.4.1.1.7"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
RLE = "1.2.840.10008.1.2.5"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG_LS = "1.2.840.10008.1.2.4.80"


def test_each_syntax_of_each_class_has_a_context_of_its_own() -> None:
    """One context with several syntaxes would hide all but the one the peer picked."""
    contexts = proposed_contexts([(SC, RLE), (SR, EXPLICIT), (SC, RLE)])

    assert [(str(c.abstract_syntax), [str(t) for t in c.transfer_syntax]) for c in contexts] == [
        (SC, [RLE]),
        (SR, [EXPLICIT]),
        (SC, [EXPLICIT]),
        (SC, [IMPLICIT]),
        (SR, [IMPLICIT]),
    ]


def test_pictures_alone_are_offered_compressed_too() -> None:
    contexts = proposed_contexts([(SR, EXPLICIT), (SC, EXPLICIT)], ("JPEG-LS", "RLE"))

    assert [(str(c.abstract_syntax), [str(t) for t in c.transfer_syntax]) for c in contexts] == [
        (SR, [EXPLICIT]),
        (SC, [EXPLICIT]),
        (SR, [IMPLICIT]),
        (SC, [JPEG_LS]),
        (SC, [RLE]),
        (SC, [IMPLICIT]),
    ]


def test_more_contexts_than_an_association_holds_are_refused() -> None:
    proposed_contexts([(f"1.2.{number}", EXPLICIT) for number in range(64)])
    with pytest.raises(PermanentFailure, match="130"):
        proposed_contexts([(f"1.2.{number}", EXPLICIT) for number in range(65)])


@pytest.mark.parametrize(
    ("own", "accepted", "expected"),
    [
        (EXPLICIT, [IMPLICIT, EXPLICIT], EXPLICIT),
        (EXPLICIT, [IMPLICIT], IMPLICIT),
        (IMPLICIT, [EXPLICIT], EXPLICIT),
        (IMPLICIT, [EXPLICIT, IMPLICIT], IMPLICIT),
        (EXPLICIT, [RLE], None),
        (EXPLICIT, [], None),
        (RLE, [RLE], RLE),
        (RLE, [EXPLICIT, IMPLICIT], None),
        (DEFLATED, [EXPLICIT], None),
    ],
)
def test_only_plain_little_endian_may_change(
    own: str, accepted: list[str], expected: str | None
) -> None:
    assert choose_syntax(own, accepted) == expected


@pytest.mark.parametrize(
    ("own", "accepted", "expected"),
    [
        (EXPLICIT, [EXPLICIT, RLE, JPEG_LS], JPEG_LS),
        (EXPLICIT, [EXPLICIT, RLE], RLE),
        (EXPLICIT, [IMPLICIT, EXPLICIT], EXPLICIT),
        (EXPLICIT, [RLE], RLE),
        (EXPLICIT, [DEFLATED], None),
        (RLE, [JPEG_LS, RLE], RLE),
        (RLE, [JPEG_LS, EXPLICIT], None),
    ],
)
def test_the_first_preferred_syntax_that_was_accepted_is_taken(
    own: str, accepted: list[str], expected: str | None
) -> None:
    """What came compressed is never decoded, and so never compressed anew."""
    assert choose_syntax(own, accepted, (JPEG_LS, RLE)) == expected
