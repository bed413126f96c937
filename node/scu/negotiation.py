"""What a destination would take of us, asked by negotiation alone: nothing is stored there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom.presentation import PresentationContext, build_context

from node.dicom.commitment import PUSH_MODEL
from node.dicom.offers import Offer, offers
from node.scu.compression import preferred_syntaxes
from node.scu.query import STUDY_ROOT_FIND
from node.scu.requestor import end_association, open_association
from node.scu.sender import LITTLE_ENDIAN, choose_syntax, proposed_contexts

if TYPE_CHECKING:
    from config.profiles import Profile
    from config.sending import Destination, ScuSettings

_STORED_IN: Final = str(ExplicitVRLittleEndian)
"""Our results lie on the disk in it; what else is sent is made of that."""

_COMMITMENT: Final = ("storage commitment", PUSH_MODEL)
_QUERY: Final = ("query (C-FIND)", STUDY_ROOT_FIND)

# The services that a destination's `confirm` may use, the preferred first.
_SERVICES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "none": (),
    "commitment": (_COMMITMENT, _QUERY),
    "query": (_QUERY,),
}

# PS3.8 Table 9-18
_ANSWERS: Final = {
    1: "refused it without a reason (user rejection)",
    2: "refused it without a reason",
    3: "does not know this SOP class",
    4: "takes this SOP class in none of these transfer syntaxes",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one kind of object, or of one service.

    ``offer`` is None for a service. ``goes_in`` is the transfer syntax in which the objects
    would go, empty when they cannot. ``problem`` says what cannot be done and what to do;
    ``note`` what to know although it works.
    """

    name: str
    sop_class_uid: str
    offer: Offer | None
    accepted: tuple[str, ...]
    refused: tuple[str, ...]
    goes_in: str
    problem: str = ""
    note: str = ""


def try_out(destination: Destination, scu: ScuSettings, profile: Profile) -> tuple[Verdict, ...]:
    """Negotiate on one association all that a destination's profile can need, and release it.

    Raises
    ------
    TransientFailure
        No connection, no answer, an abort, or a rejection for now.
    PermanentFailure
        A rejection for good.
    """
    wanted = offers(profile)
    services = _SERVICES[destination.confirm]
    contexts = [
        *proposed_contexts(
            [(offer.sop_class_uid, _STORED_IN) for offer in wanted], profile.transfer_syntaxes
        ),
        *(build_context(uid, syntax) for _, uid in services for syntax in LITTLE_ENDIAN),
    ]
    answers = _negotiate(destination, scu, contexts)
    return (
        *(_verdict_on_object(destination, profile, offer, answers) for offer in wanted),
        *_verdicts_on_services(destination, services, answers),
    )


_Answers = dict[str, dict[str, int]]
"""Result (PS3.8 Table 9-18) of each transfer syntax of each SOP class."""


def _negotiate(
    destination: Destination, scu: ScuSettings, contexts: list[PresentationContext]
) -> _Answers:
    association = open_association(destination, scu, contexts)
    answers: _Answers = {}
    proposed = {context.context_id: context for context in association.requestor.requested_contexts}
    for answer in [*association.accepted_contexts, *association.rejected_contexts]:
        context = proposed[answer.context_id]
        # Each context proposes one syntax: the answer is the answer to that.
        results = answers.setdefault(str(context.abstract_syntax), {})
        results[str(context.transfer_syntax[0])] = answer.result or 0
    end_association(association)
    return answers


def _verdict_on_object(
    destination: Destination, profile: Profile, offer: Offer, answers: _Answers
) -> Verdict:
    results = answers.get(offer.sop_class_uid, {})
    accepted, refused = _accepted_and_refused(results)
    preferred = preferred_syntaxes(offer.sop_class_uid, profile.transfer_syntaxes)
    goes_in = choose_syntax(_STORED_IN, accepted, preferred) or ""
    problem = note = ""
    if not goes_in:
        problem = (
            f"{destination.ae_title} {_answer(results)}: let its administrator allow it, "
            f"or take {offer.kind} out of profiles.{destination.profile}.objects"
        )
    elif preferred and goes_in not in preferred:
        names = ", ".join(profile.transfer_syntaxes)
        note = f"goes uncompressed: {destination.ae_title} does not take {names}"
    return Verdict(
        offer.kind, offer.sop_class_uid, offer, accepted, refused, goes_in, problem, note
    )


def _verdicts_on_services(
    destination: Destination, services: tuple[tuple[str, str], ...], answers: _Answers
) -> list[Verdict]:
    verdicts: list[Verdict] = []
    taken = [uid for _, uid in services if 0 in answers.get(uid, {}).values()]
    for name, uid in services:
        results = answers.get(uid, {})
        accepted, refused = _accepted_and_refused(results)
        problem = note = ""
        if not accepted and taken:
            note = f"{destination.ae_title} {_answer(results)}: the other way is used"
        elif not accepted:
            problem = (
                f"{destination.ae_title} {_answer(results)}: let its administrator allow it, or "
                'set confirm = "none"; what was sent is then never known to be kept'
            )
        verdicts.append(
            Verdict(name, uid, None, accepted, refused, next(iter(accepted), ""), problem, note)
        )
    return verdicts


def _accepted_and_refused(results: dict[str, int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Part the transfer syntaxes of one SOP class by what became of them."""
    accepted = tuple(syntax for syntax, result in results.items() if result == 0)
    return accepted, tuple(syntax for syntax in results if syntax not in accepted)


def _answer(results: dict[str, int]) -> str:
    """Put the refusals of one SOP class into words; the plainest counts."""
    codes = {result for result in results.values() if result}
    found = next((code for code in (3, 1, 2, 4) if code in codes), 2)
    return _ANSWERS[found]


def syntax_name(uid: str) -> str:
    """Give the name of a transfer syntax, short enough for a table."""
    return UID(uid).name.removesuffix(" Image Compression")
