"""The AE that sends: what it proposes, and how it reacts to each answer."""

from __future__ import annotations

from typing import Final

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from config.profiles import Profile
from config.settings import Settings
from node.conformance.markdown import table
from node.db.confirmations import LEAST_QUESTIONS
from node.dicom.commitment import NO_SUCH_OBJECT, PUSH_MODEL, PUSH_MODEL_INSTANCE
from node.dicom.offers import OTHER_REPORT, SOP_CLASSES, offers
from node.dicom.part10 import IMPLEMENTATION_VERSION_NAME
from node.dicom.sop_classes import VERIFICATION
from node.dicom.uids import IMPLEMENTATION_CLASS_UID
from node.scu.compression import preferred_syntaxes
from node.scu.outcome import TABLE, Outcome
from node.scu.query import STUDY_ROOT_FIND

_REACTIONS: Final = {
    Outcome.DELIVERED: "delivered",
    Outcome.RETRY: "sent again later",
    Outcome.REFUSED: "parked as FAILED; a person sends it again (`mgnode retry`)",
}
_PLAIN: Final = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_COMPRESSIONS: Final = ("RLE", "JPEG-LS")


def sending(settings: Settings) -> str:
    """Write the specification of the sending AE (PS3.2 Annex A, 4.2)."""
    return f"""### 4.2.2 Sending AE: {settings.scu.ae_title}

#### 4.2.2.1 SOP classes

{_sop_classes()}
#### 4.2.2.2 Association policies

{_policies(settings)}
#### 4.2.2.3 Association initiation

**Storage.** When a study is reported, its objects go to each destination over one association, in
the form of that destination's profile. Each transfer syntax of each SOP class is proposed in a
context of its own, so that the answer says which ones the peer takes:

{_contexts()}
An object is stored in Explicit VR Little Endian and is sent in the first of these that the peer
accepted: a compression that the profile prefers (pictures alone; without loss, the SOP Instance
UID stays), Explicit VR Little Endian, Implicit VR Little Endian. When it accepted none, the
object is parked as FAILED.

How each status of C-STORE is taken; the first row that holds it counts:

{_statuses()}
A status that is in no row says nothing about the object: it is sent again later. So is everything
that was not answered: no connection, a rejection that is not for good, an abort.
{_retries(settings)}

**Storage commitment** (destinations with `confirm = "commitment"`). {_commitment(settings)}

**Query** (destinations with `confirm = "query"`, and where commitment is refused or no report
comes in time). {_query(settings)}

**Verification.** A C-ECHO on an association of its own, when a person asks (`mgnode echo`,
`mgnode destination test`). `mgnode destination test` also negotiates every context above and
sends nothing.

#### 4.2.2.4 Association acceptance

This AE accepts no association. Commitment reports on an association of the destination's own go
to the receiving AE: the destination must know the AE title {settings.scu.ae_title} at its
address, port {settings.scp.port}.
"""


def _sop_classes() -> str:
    rows = [
        (UID(uid).name, f"`{uid}`", "Yes", "No", kind.replace("_", " "))
        for kind, uid in (*SOP_CLASSES.items(), ("measurement_report", OTHER_REPORT))
    ]
    rows += [
        (UID(uid).name, f"`{uid}`", "Yes", "No", what)
        for uid, what in (
            (VERIFICATION, "C-ECHO"),
            (PUSH_MODEL, "N-ACTION, and N-EVENT-REPORT on the same association"),
            (STUDY_ROOT_FIND, "C-FIND at IMAGE level"),
        )
    ]
    return table(["SOP class", "UID", "SCU", "SCP", "object or service"], rows)


def _policies(settings: Settings) -> str:
    scu = settings.scu
    rows = [
        ("Application context", "`1.2.840.10008.3.1.1.1`"),
        ("Associations at one time", "one for each thread of a network worker"),
        ("Asynchronous operations", "not proposed: one operation at a time on an association"),
        ("Implementation class UID", f"`{IMPLEMENTATION_CLASS_UID}`"),
        ("Implementation version name", IMPLEMENTATION_VERSION_NAME),
        ("Maximum length received", "no limit announced (0)"),
        ("Wait for a connection", f"{scu.connection_timeout_seconds:g} s"),
        ("Wait for the answer to A-ASSOCIATE-RQ", f"{scu.acse_timeout_seconds:g} s"),
        ("Wait for a DIMSE answer", f"{scu.dimse_timeout_seconds:g} s, then A-ABORT"),
        ("SOP class extended negotiation", "not proposed"),
        ("SCP/SCU role selection", "not proposed"),
        ("User identity negotiation", "not proposed"),
    ]
    return table(["policy", "value"], rows)


def _contexts() -> str:
    compressed = preferred_syntaxes(SOP_CLASSES["overlay"], _COMPRESSIONS)
    rows = []
    every = Profile.model_validate({"objects": list(SOP_CLASSES)})
    for uid in dict.fromkeys([*(offer.sop_class_uid for offer in offers(every)), OTHER_REPORT]):
        more = compressed if uid == SOP_CLASSES["overlay"] else ()
        names = [syntax.name for syntax in _PLAIN] + [
            f"{UID(syntax).name} (when the profile names it)" for syntax in more
        ]
        rows.append((UID(uid).name, "; ".join(names), "SCU", "none"))
    columns = ["abstract syntax", "transfer syntaxes", "role", "extended negotiation"]
    return table(columns, rows)


def _statuses() -> str:
    rows = [
        (
            f"0x{row.first:04X}" + (f" to 0x{row.last:04X}" if row.last > row.first else ""),
            row.meaning,
            _REACTIONS[row.outcome],
        )
        for row in TABLE
    ]
    return table(["status", "meaning", "the object is then"], rows)


def _retries(settings: Settings) -> str:
    delivery = settings.delivery
    return (
        f"The pauses grow from {delivery.retry_first_seconds:g} s to "
        f"{delivery.retry_max_seconds:g} s; after {delivery.give_up_hours:g} h, "
        "without the time in which nobody tried, the object is parked as FAILED. A rejection for "
        "good (PS3.8 Table 9-21, result 1, but not of the presentation layer) parks at once."
    )


def _commitment(settings: Settings) -> str:
    delivery, scu = settings.delivery, settings.scu
    return f"""\
Push model, SCU. {delivery.confirm_after_seconds:g} s after delivery one N-ACTION (Action Type ID
1, SOP instance `{PUSH_MODEL_INSTANCE}`) asks for all objects of a study that were delivered, with
a Transaction UID that is never used again. The report is taken on the same association, which
stays open for {scu.report_wait_seconds:g} s, or on an association of the peer's own to the
receiving AE, at any time. What the report names as kept is CONFIRMED; what it names as failed
with 0x{NO_SUCH_OBJECT:04X} (no such object instance) is sent again, at most
{delivery.resend_limit} times; any other Failure Reason is followed by a query. Without a report
in {delivery.confirm_timeout_minutes:g} min a query asks, then commitment again, in turn. What is
not confirmed {delivery.confirm_hours:g} h after its delivery, and was asked about {LEAST_QUESTIONS}
times at least, raises an alarm in the audit log."""


def _query(settings: Settings) -> str:
    return f"""\
Study Root, SCU, IMAGE level, unique keys alone (Study, Series and SOP Instance UID); no
relational queries, no other extended negotiation. Pending with the SOP Instance UID that was
asked for: CONFIRMED. Success without it: the object is not there and is sent again, at most
{settings.delivery.resend_limit} times. Every other status says nothing, and the question is asked
again after {settings.delivery.confirm_timeout_minutes:g} min."""
