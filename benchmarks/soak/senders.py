"""Well-behaved peers: they send what is left of a study and say what was answered."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pydicom import dcmread
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation
from pynetdicom import AE

from benchmarks.soak.images import PROPOSALS, Image
from config.sending import Destination
from tests.pdus import ASSOCIATE_AC
from tests.peer import RawRequestor
from tests.requirements import program

MG: Final = str(DigitalMammographyXRayImageStorageForPresentation)
Answers = dict[str, int | None]
"""SOP Instance UID -> status of its C-STORE; None where there was no answer."""

Sender = Callable[[Sequence[Image], Destination, str], Answers]
"""Sends images to a node under a calling AE title, over one association."""

SECONDS: Final = 30.0
"""Limit of every wait."""


def by_pynetdicom(images: Sequence[Image], node: Destination, calling_ae: str) -> Answers:
    """Send with pynetdicom's SCU."""
    entity = AE(calling_ae)
    entity.connection_timeout = entity.acse_timeout = SECONDS
    entity.dimse_timeout = entity.network_timeout = SECONDS
    for syntax in {image.transfer_syntax_uid for image in images}:
        entity.add_requested_context(MG, syntax)
    answers: Answers = {image.sop_instance_uid: None for image in images}
    association = entity.associate(node.host, node.port, ae_title=node.ae_title)
    for image in images:
        if not association.is_established:
            break
        answer = association.send_c_store(dcmread(io.BytesIO(image.part10)))
        answers[image.sop_instance_uid] = answer.get("Status")
    if association.is_established:
        association.release()
    return answers


def by_hand(images: Sequence[Image], node: Destination, calling_ae: str) -> Answers:
    """Send with PDUs that no library has touched."""
    answers: Answers = {image.sop_instance_uid: None for image in images}
    try:
        with RawRequestor((node.host, node.port), seconds=SECONDS) as line:
            contexts = [(MG, [image.transfer_syntax_uid]) for image in images]
            if line.associate(*contexts, called=node.ae_title, calling=calling_ae).kind != (
                ASSOCIATE_AC
            ):
                return answers
            for number, image in enumerate(images):
                status, _ = line.store(
                    image.data_set,
                    sop_class=MG,
                    sop_instance=image.sop_instance_uid,
                    context=2 * number + 1,
                )
                answers[image.sop_instance_uid] = status
            line.release()
    except (OSError, EOFError, AssertionError):
        pass  # the node was killed: what has no answer is sent again
    return answers


def by_storescu(images: Sequence[Image], node: Destination, calling_ae: str) -> Answers:
    """Send with DCMTK's storescu, which proposes one transfer syntax: images must share it."""
    (syntax,) = {image.transfer_syntax_uid for image in images}
    return _by_dcmtk("storescu", [PROPOSALS[syntax]], images, node, calling_ae)


def by_dcmsend(images: Sequence[Image], node: Destination, calling_ae: str) -> Answers:
    """Send with DCMTK's dcmsend."""
    return _by_dcmtk("dcmsend", ["-dn"], images, node, calling_ae)


def _by_dcmtk(
    name: str, options: list[str], images: Sequence[Image], node: Destination, calling_ae: str
) -> Answers:
    limits = ["-to", "20", "-ta", "20", "-td", f"{SECONDS:.0f}"]
    where = ["-aet", calling_ae, "-aec", node.ae_title, node.host, str(node.port)]
    with TemporaryDirectory(prefix="soak-") as folder:
        paths = []
        for number, image in enumerate(images):
            path = Path(folder) / f"{number}.dcm"
            path.write_bytes(image.part10)
            paths.append(str(path))
        command = [str(program(name)), "-v", *options, *limits, *where, *paths]
        try:
            done = subprocess.run(  # noqa: S603 - no shell
                command, capture_output=True, text=True, errors="replace", check=False, timeout=120
            )
        except subprocess.TimeoutExpired:
            return {image.sop_instance_uid: None for image in images}
    said = re.findall(
        r"Received (?:C-STORE|Store) Response \((.*?)\)\s*$",
        done.stdout + done.stderr,
        re.MULTILINE,
    )
    # Both send in the order of their command line and stop at the first trouble.
    answers: Answers = {image.sop_instance_uid: None for image in images}
    for image, text in zip(images, said, strict=False):
        answers[image.sop_instance_uid] = _status(text)
    return answers


def _status(text: str) -> int:
    """Read DCMTK's words for a status."""
    if text == "Success":
        return 0x0000
    if "OutOfResources" in text:
        return 0xA700
    found = re.search(r"0x([0-9A-Fa-f]{4})", text)
    return int(found[1], 16) if found else 0xFFFF
