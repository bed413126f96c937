"""The eleven steps of docs/trace.md, and the pieces of work in which a child takes them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Step(StrEnum):
    """One step of a mammogram's way."""

    ASSOCIATION = "association"
    STORE = "store"
    RECORD = "record"
    QUEUE = "queue"
    CLAIM = "claim"
    DECODE = "decode"
    DETECT = "detect"
    REPORT = "report"
    SEND = "send"
    CONFIRM = "confirm"
    AUDIT = "audit"


class Job(StrEnum):
    """What one child does, from a known state of rows and files; it holds one or more steps."""

    RECEIVE = "receive"
    """One association, one image, its answer."""
    QUEUE = "queue"
    """One sweep of dispatch over a received image."""
    ANALYSE = "analyse"
    """The analysis worker and one message."""
    REPORT = "report"
    """The sweep that completes the study, and the network worker's report."""
    SEND = "send"
    """The network worker and its message about two results for one destination."""
    CONFIRM = "confirm"
    """The network worker and its message to ask that destination."""
    WHOLE = "whole"
    """Everything behind the SCP, one piece after the other: for the audit rows."""


JOB_OF: Final = {
    Step.ASSOCIATION: Job.RECEIVE,
    Step.STORE: Job.RECEIVE,
    Step.RECORD: Job.RECEIVE,
    Step.QUEUE: Job.QUEUE,
    Step.CLAIM: Job.ANALYSE,
    Step.DECODE: Job.ANALYSE,
    Step.DETECT: Job.ANALYSE,
    Step.REPORT: Job.REPORT,
    Step.SEND: Job.SEND,
    Step.CONFIRM: Job.CONFIRM,
    Step.AUDIT: Job.WHOLE,
}
