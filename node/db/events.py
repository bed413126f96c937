"""Every event name of the audit log, with what it means; docs/trace.md lists them all."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Event(StrEnum):
    """The name of one line of the audit log; ``meaning`` says it in a sentence."""

    meaning: str

    def __new__(cls, name: str, meaning: str = "") -> Self:
        """Make a member whose value is ``name``."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        return member

    CONNECTION_REFUSED = (
        "connection_refused",
        "Connections were closed before an association: the count says how many.",
    )
    ASSOCIATION_OPENED = "association_opened", "A peer opened an association."
    ASSOCIATION_REJECTED = "association_rejected", "A peer was refused an association."
    ASSOCIATION_CLOSED = "association_closed", "An association ended; the reason says how."
    MESSAGE_REFUSED = (
        "message_refused",
        "Associations were aborted as a peer's message broke the rules: the count says how many.",
    )

    INSTANCE_RECEIVED = "instance_received", "A new image is stored durably."
    INSTANCE_DUPLICATE = "instance_duplicate", "The same bytes came again; nothing changed."
    INSTANCE_REFUSED = "instance_refused", "A C-STORE was answered with a failure."
    INSTANCE_QUARANTINED = "instance_quarantined", "Refused bytes were kept for a person to look."
    INSTANCE_QUEUED = "instance_queued", "The image waits for an analysis worker."
    INSTANCE_CLAIMED = "instance_claimed", "A worker took the image under a lease."
    INSTANCE_ANALYSED = "instance_analysed", "The detector's findings are recorded."
    INSTANCE_REJECTED = "instance_rejected", "The image is not one to analyse; the reason says why."
    INSTANCE_FAILED = "instance_failed", "The analysis was given up; it can be replayed."
    INSTANCE_RETRY = "instance_retry", "An attempt failed; the image waits for the next."
    INSTANCE_LEASE_EXPIRED = "instance_lease_expired", "A worker did not come back in time."
    INSTANCE_REPLAYED = "instance_replayed", "An administrator put a failed image back."
    INSTANCE_RERUN = "instance_rerun", "A person has the image analysed again."

    STUDY_OPENED = "study_opened", "The first image of a study came."
    STUDY_REOPENED = "study_reopened", "The study needs another report; the reason says why."
    STUDY_COMPLETE = "study_complete", "The study is ready to be reported."
    STUDY_REPORTED = "study_reported", "The results of the study are made."
    STUDY_SEPARATED = (
        "study_separated",
        "The images disagree about whose they are: each patient and order got its own results.",
    )
    STUDY_RETRY = "study_retry", "A report attempt failed; the study waits for the next."
    STUDY_FAILED = "study_failed", "The report was given up; it can be replayed."
    STUDY_REPLAYED = "study_replayed", "An administrator put a failed study back."
    STUDY_RERUN = "study_rerun", "A person has the study analysed again, by the model named."

    INSTANCE_REMOVED = "instance_removed", "The retention policy removed the file of an image."
    INSTANCE_RESTORED = "instance_restored", "The bytes of a removed image came again and stay."
    RESULT_REMOVED = "result_removed", "The retention policy removed the file of a result."
    QUARANTINE_REMOVED = (
        "quarantine_removed",
        "The retention policy removed a quarantined data set.",
    )

    RESULT_CREATED = "result_created", "One DICOM object was made and stored."

    DELIVERY_CREATED = "delivery_created", "A result is due at a destination."
    DELIVERY_CLAIMED = "delivery_claimed", "A worker took the delivery under a lease."
    DELIVERY_DELIVERED = "delivery_delivered", "The destination answered success."
    DELIVERY_RETRY = "delivery_retry", "An attempt failed; the delivery waits for the next."
    DELIVERY_FAILED = "delivery_failed", "The delivery was given up; it can be replayed."
    DELIVERY_LEASE_EXPIRED = "delivery_lease_expired", "A sender did not come back in time."
    DELIVERY_REPLAYED = (
        "delivery_replayed",
        "An administrator put a failed or unconfirmed delivery back.",
    )
    DELIVERY_CONFIRMED = "delivery_confirmed", "The destination says that it keeps the object."
    DELIVERY_LOST = "delivery_lost", "The destination does not have the object; it is sent again."
    DELIVERY_UNCONFIRMED = (
        "delivery_unconfirmed",
        "An alarm: nothing confirms that the destination keeps the object.",
    )

    COMMITMENT_REQUESTED = "commitment_requested", "A destination is asked to keep what it got."
    COMMITMENT_REPORTED = "commitment_reported", "A destination said what it keeps."
    COMMITMENT_REFUSED = "commitment_refused", "A commitment report was refused."

    CERTIFICATE_RELOADED = (
        "certificate_reloaded",
        "Files of TLS were replaced, and count from now on.",
    )
    CERTIFICATE_REFUSED = (
        "certificate_refused",
        "Files of TLS were replaced by some that cannot be used; the old ones stay in force.",
    )
    CERTIFICATE_EXPIRES = (
        "certificate_expires",
        "A certificate expires within thirty days, or has; told once a day.",
    )

    NODE_STARTED = "node_started", "A process of the node started."
    NODE_STOPPED = "node_stopped", "A process of the node stopped on request."
    WORKER_REPLACED = (
        "worker_replaced",
        "A worker that overran, crashed or was killed is replaced; the reason says which.",
    )
    DISCREPANCY_FOUND = (
        "discrepancy_found",
        "Rows, files, broker or destinations disagree; the reason says how.",
    )
    DISCREPANCY_RESOLVED = "discrepancy_resolved", "A discrepancy is no more, or was mended."
    SPOOL_SWEPT = "spool_swept", "Half-received files of a dead process were removed."
    BACKUP_TAKEN = "backup_taken", "A backup of the whole node was made."
    NODE_RESTORED = "node_restored", "The node was restored from a backup; deliveries are held."
    DELIVERIES_RELEASED = "deliveries_released", "Deliveries go out again after a restore."
    AUDIT_KEY_CHANGED = "audit_key_changed", "Another key signs the checkpoints from here on."
