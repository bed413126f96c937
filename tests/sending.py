"""The node as a sender: its settings, its destinations, and what scripted peers accept."""

from __future__ import annotations

from collections.abc import Callable

from config.sending import Destination, ScuSettings
from tests.pdus import EXPLICIT, contexts_of
from tests.peer import AcceptedLine

MG = "1.2.840.10008.5.1.4.1.1.1.2"
SV1 = "1.2.840.10008.1.2.4.70"

SCU = ScuSettings(
    ae_title="MGNODE",
    connection_timeout_seconds=2.0,
    acse_timeout_seconds=5.0,
    dimse_timeout_seconds=5.0,
)
IMPATIENT = SCU.model_copy(
    update={
        "connection_timeout_seconds": 0.5,
        "acse_timeout_seconds": 0.5,
        "dimse_timeout_seconds": 0.5,
    }
)
# Seconds: a limit of half a second, and what a busy machine adds; a scripted peer waits for 20.
SOON = 15.0


def at(address: tuple[str, int], ae_title: str = "PACS") -> Destination:
    return Destination(ae_title=ae_title, host=address[0], port=address[1])


def accept_all(_: str, syntaxes: list[str]) -> str:
    return syntaxes[0]


def accept_none(_: str, __: list[str]) -> None:
    return None


def accepted(line: AcceptedLine) -> dict[str, int]:
    """Accept Explicit VR of every class; give the context of each class."""
    request = line.accept(syntax_of=lambda _, offered: EXPLICIT if EXPLICIT in offered else None)
    return {
        abstract: number
        for number, abstract, offered in contexts_of(request)
        if EXPLICIT in offered
    }


def answering(*statuses: int) -> Callable[[AcceptedLine], None]:
    """Answer one C-STORE after the other with these, then the release."""

    def script(line: AcceptedLine) -> None:
        contexts = accepted(line)
        for status in statuses:
            request = line.read_store_command()
            line.answer_store(contexts[request[0x0002].decode().strip("\0 ")], request, status)
        line.answer_release()

    return script
