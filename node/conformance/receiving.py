"""The AE that receives: what it accepts, and what each answer means."""

from __future__ import annotations

from typing import Final

from pydicom.uid import UID

from config.settings import Settings
from node.conformance.markdown import table
from node.dicom.commitment import PUSH_MODEL, ReportStatus
from node.dicom.part10 import IMPLEMENTATION_VERSION_NAME
from node.dicom.sop_classes import (
    IMAGES,
    STORAGE_SOP_CLASSES,
    TRANSFER_SYNTAXES,
    VERIFICATION,
    Look,
)
from node.dicom.uids import IMPLEMENTATION_CLASS_UID
from node.scp import admission
from node.scp.bounded_socket import LARGEST_PDU, MAXIMUM_LENGTH
from node.scp.contexts import accepted_contexts
from node.scp.status import Status

_LOOKS: Final = {
    Look.YES: "analysed, unless a rule leaves it out",
    Look.IF_BREAST: "analysed when the header says breast",
    Look.NEVER: "stored; reports name it as not analysed",
}

# (when, what a sender does best)
_STATUSES: Final = {
    Status.SUCCESS: (
        "The object is durable: its file, its folder and its row. The same object again too.",
        "Nothing",
    ),
    Status.PROCESSING_FAILURE: ("A fault of the node's own.", "Send it again later"),
    Status.OUT_OF_RESOURCES: (
        (
            "No space, or the database does not answer, or the sender has reached its images a "
            "minute; Error Comment tells which, and for how many seconds to wait."
        ),
        "Send it again later",
    ),
    Status.MISMATCH: (
        (
            "Data set, command and presentation context disagree, or a UID is none. "
            "The bytes are kept for a person to look at."
        ),
        "Correct the object",
    ),
    Status.CANNOT_UNDERSTAND: ("The bytes are no complete data set.", "Send the whole object"),
    Status.CONFLICTING_INSTANCE: (
        (
            "The SOP Instance UID is stored already with other bytes or in another transfer "
            "syntax. What is stored is never replaced."
        ),
        "Give the changed object a new SOP Instance UID",
    ),
}

_REPORT_STATUSES: Final = {
    ReportStatus.SUCCESS: "The report is recorded, or was before.",
    ReportStatus.NO_SUCH_EVENT_TYPE: "The Event Type ID is neither 1 nor 2.",
    ReportStatus.INVALID_ARGUMENT_VALUE: (
        "The report cannot be read, or names no transaction that this peer was asked in."
    ),
    ReportStatus.NO_SUCH_SOP_CLASS: "The SOP class is not Storage Commitment Push Model.",
    ReportStatus.RESOURCE_LIMITATION: "The database does not answer; report again later.",
}

_REJECTIONS: Final = (
    (admission.NETWORK_NOT_ALLOWED, "the peer's address is in none of `scp.networks`"),
    (admission.CALLED_AE_NOT_RECOGNISED, "the called AE title is not `scp.ae_title`"),
    (
        admission.CALLING_AE_NOT_RECOGNISED,
        (
            "the calling AE title is none, or is not in `scp.calling_ae_titles`; where that is "
            "empty, the peer is on another machine"
        ),
    ),
    (
        admission.CERTIFICATE_NOT_BOUND,
        "the calling AE title is bound to certificates that the peer does not show",
    ),
    (admission.LOCAL_LIMIT_EXCEEDED, "`scp.max_associations` are open"),
    (
        admission.AE_TITLE_LIMIT_EXCEEDED,
        "`scp.max_associations_per_ae_title` of this calling AE title are open",
    ),
    (
        admission.ADDRESS_LIMIT_EXCEEDED,
        "`scp.max_associations_per_address` of this address are open",
    ),
    (admission.TEMPORARY_CONGESTION, "the association cannot be recorded now"),
)


def receiving(settings: Settings) -> str:
    """Write the specification of the receiving AE (PS3.2 Annex A, 4.2)."""
    scp = settings.scp
    return f"""### 4.2.1 Receiving AE: {scp.ae_title}

#### 4.2.1.1 SOP classes

{_sop_classes()}
Storage is of level 2 (full): every attribute of a data set is kept as received, private ones too;
no value is changed, nothing is coerced. An accepted object is stored under its SOP Instance UID
for good.

#### 4.2.1.2 Association policies

{_policies(settings)}
#### 4.2.1.3 Association initiation

This AE initiates no association.

#### 4.2.1.4 Association acceptance

{_rejections()}
Accepted presentation contexts. In a context that proposes several transfer syntaxes the first one
of our list is accepted, whatever their order is. An abstract syntax that is not in the table is
refused (result 3), so a sender knows before it sends.

{_contexts()}
Transfer syntaxes of the storage SOP classes:

{_syntaxes()}
Statuses of C-STORE. A sender that sees one of the failures that are worth another attempt loses
nothing by waiting; an image that is refused and never comes again is named in the results of its
study, when its data set said which study that is.

{_statuses()}
Statuses of N-EVENT-REPORT (Storage Commitment; this AE is the SCU). Every other DIMSE request is
answered with 0x0211 (unrecognised operation) or ends the association.

{_report_statuses()}"""


def _sop_classes() -> str:
    rows: list[tuple[str, ...]] = [
        (
            sop_class.name,
            f"`{sop_class.uid}`",
            "No",
            "Yes",
            _LOOKS[sop_class.look] if sop_class.uid in IMAGES else "stored",
        )
        for sop_class in STORAGE_SOP_CLASSES.values()
    ]
    rows.append((UID(VERIFICATION).name, f"`{VERIFICATION}`", "No", "Yes", "C-ECHO"))
    rows.append((UID(PUSH_MODEL).name, f"`{PUSH_MODEL}`", "Yes", "No", "reports (N-EVENT-REPORT)"))
    return table(["SOP class", "UID", "SCU", "SCP", "what becomes of it"], rows)


def _policies(settings: Settings) -> str:
    scp = settings.scp
    rows = [
        ("Application context", "`1.2.840.10008.3.1.1.1`"),
        ("Associations at one time", scp.max_associations),
        (
            "of them, of one calling AE title and of one address",
            _limits(scp.max_associations_per_ae_title, scp.max_associations_per_address),
        ),
        (
            "Images a minute, of one calling AE title and of one address",
            _limits(scp.max_images_per_minute_per_ae_title, scp.max_images_per_minute_per_address),
        ),
        ("Asynchronous operations", "not supported: one operation at a time on an association"),
        ("Implementation class UID", f"`{IMPLEMENTATION_CLASS_UID}`"),
        ("Implementation version name", IMPLEMENTATION_VERSION_NAME),
        ("Maximum length received", f"{MAXIMUM_LENGTH} bytes announced, {LARGEST_PDU} taken"),
        ("Wait for A-ASSOCIATE-RQ and release", f"{scp.acse_timeout_seconds:g} s"),
        ("Wait for an announced data set", f"{scp.dimse_timeout_seconds:g} s, then A-ABORT"),
        ("Silence between requests", f"{scp.idle_timeout_seconds:g} s, then A-ABORT"),
        ("SOP class extended negotiation", "not supported"),
        (
            "SCP/SCU role selection",
            "Storage Commitment: the requestor may be the SCP alone; no other role is selected",
        ),
        ("User identity negotiation", "not supported; what is proposed is ignored"),
    ]
    return table(["policy", "value"], rows)


def _limits(*most: int) -> str:
    return ", ".join(str(each) if each else "no limit" for each in most)


def _rejections() -> str:
    rows = [
        (rejection.result.value, rejection.source.value, rejection.reason, f"{why} (`{name}`)")
        for rejection, why in _REJECTIONS
        for name in [rejection.name]
    ]
    columns = ["result", "source", "reason", "when (the name in the audit log)"]
    return "A-ASSOCIATE-RJ, in this order (PS3.8 Table 9-21):\n\n" + table(columns, rows)


def _contexts() -> str:
    rows = []
    storage = set(STORAGE_SOP_CLASSES)
    for context in accepted_contexts():
        uid = str(context.abstract_syntax)
        if uid not in storage:
            names = ", ".join(UID(syntax).name for syntax in context.transfer_syntax)
            role = "SCU (the requestor is the SCP)" if context.scp_role else "SCP"
            rows.append((UID(uid).name, names, role, "none"))
    rows.insert(0, ("every storage SOP class above", "every one below", "SCP", "none"))
    columns = ["abstract syntax", "transfer syntaxes", "role", "extended negotiation"]
    return table(columns, rows)


def _syntaxes() -> str:
    rows = [(syntax.name, f"`{syntax.uid}`") for syntax in TRANSFER_SYNTAXES.values()]
    return table(["transfer syntax", "UID"], rows)


def _statuses() -> str:
    rows = [(f"0x{status:04X}", *_STATUSES[status]) for status in Status]
    return table(["status", "when", "what helps"], rows)


def _report_statuses() -> str:
    rows = [(f"0x{status:04X}", _REPORT_STATUSES[status]) for status in ReportStatus]
    return table(["status", "when"], rows)
