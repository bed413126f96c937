"""What can go wrong, by what the caller may do about it.

The class decides the next move (reject, conflict, retry, stop); the text says
what happened and to which UID. Texts never hold a patient's name or ID.
"""

from __future__ import annotations


class NodeError(Exception):
    """Base of every error that the node raises on purpose."""


class StopError(NodeError):
    """The process cannot do its work until an administrator changes something."""


class RejectedInstance(NodeError):
    """The object is not ours to analyse; retrying cannot help.

    Parameters
    ----------
    sop_instance_uid : str
        SOP Instance UID of the object, or ``"unknown"`` when it has none.
    reason : str
        Keyword of the rule that refused it, for example ``FOR_PROCESSING``.
    detail : str
        What was found, without patient identity.
    """

    def __init__(self, sop_instance_uid: str, reason: str, detail: str = "") -> None:
        super().__init__(
            f"instance {sop_instance_uid} rejected: {reason}" + (f" ({detail})" if detail else "")
        )
        self.sop_instance_uid = sop_instance_uid
        self.reason = reason
        self.detail = detail


class UnreadablePixels(RejectedInstance):
    """The pixel data cannot be decoded; the bytes are kept, no retry."""

    def __init__(self, sop_instance_uid: str, detail: str) -> None:
        super().__init__(sop_instance_uid, "UNREADABLE_PIXELS", detail)


class UnreadableDataSet(NodeError):
    """The received bytes are not a complete DICOM data set (C-STORE 0xC000).

    ``study_instance_uid`` is what the bytes before the fault say of it, or empty.
    """

    study_instance_uid: str = ""


class MismatchedDataSet(NodeError):
    """The data set contradicts its C-STORE command or its context (0xA900)."""


class ConflictingInstance(NodeError):
    """Another object with the same SOP Instance UID is stored already."""

    def __init__(self, sop_instance_uid: str) -> None:
        super().__init__(
            f"instance {sop_instance_uid} is stored already with other bytes or in another "
            "transfer syntax; the sender must give a changed object a new SOP Instance UID"
        )
        self.sop_instance_uid = sop_instance_uid


class RefusedReport(NodeError):
    """A commitment report answers no question that this peer was asked; nothing changed."""

    def __init__(self, transaction_uid: str, reason: str) -> None:
        super().__init__(f"report of transaction {transaction_uid} refused: {reason}")
        self.transaction_uid = transaction_uid
        self.reason = reason


class OutOfResources(NodeError):
    """No room or no database now; the sender should try again later (0xA700)."""


class TooManyImages(OutOfResources):
    """The sender has reached its images a minute; the text says when it may go on (0xA700)."""


class StateConflict(NodeError):
    """The row left the state that was seen; somebody else moved it."""


class IdentityConflict(NodeError):
    """The images of one study disagree about whose they are; a person must look."""


class TransientFailure(NodeError):
    """The same step may succeed later; it is retried with back-off."""


class SecurityFailure(TransientFailure):
    """The peer is there, and no TLS connection was agreed on; an administrator must look.

    It is retried all the same: certificates get renewed, and say nothing against an object.
    """


class PermanentFailure(NodeError):
    """The same step cannot succeed without a change; it is parked at once."""


class UnusableCertificate(NodeError):
    """Files of certificates or keys cannot be used until an administrator replaces them.

    ``problems`` has each of them: the path of the setting, the file, what to do.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
