from __future__ import annotations

from node.scp.contexts import accepted_contexts

# Our own copy of the required rows of the table of inputs.
MAMMOGRAPHY = "1.2.840.10008.5.1.4.1.1.1.2"
CT = "1.2.840.10008.5.1.4.1.1.2"
COMPRESSED = {
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
}
PLAIN = {
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
}


def test_mammograms_are_accepted_in_every_transfer_syntax() -> None:
    (context,) = [c for c in accepted_contexts() if c.abstract_syntax == MAMMOGRAPHY]

    assert {str(syntax) for syntax in context.transfer_syntax} >= COMPRESSED | PLAIN


def test_verification_is_accepted_and_ct_is_not() -> None:
    classes = [str(context.abstract_syntax) for context in accepted_contexts()]

    assert "1.2.840.10008.1.1" in classes
    assert CT not in classes
    assert len(classes) == len(set(classes))
