"""Getting the published weights: downloaded, proved, registered."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from models.errors import ModelError
from models.registry.cards import CARDS
from models.registry.download import Progress, download
from models.registry.errors import DownloadError, RegistryError, WrongDownload
from models.registry.first_use import Seen, check_first_use, record_first_use
from models.registry.folder import register
from models.registry.partial import Part, opened_part
from models.registry.published import FILE, MODEL, RELEASE_PAGE, Verdict
from models.registry.record import Registered
from models.registry.verify import judge_weights
from models.spec import SPECS
from models.weights import SIGNATURE, check_file

MANUAL_STEPS: Final = (
    f"By hand: on a machine with a network open {RELEASE_PAGE}, download {FILE}, bring it here and "
    f"run `mgnode model import {FILE}`."
)

_PICTURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


class Fetched(NamedTuple):
    """A model that was downloaded, and the proof; without one, why there is none."""

    model: Registered
    verdict: Verdict | None
    unproved_because: str = ""


def fetch(
    root: Path,
    *,
    url: str,
    picture_url: str,
    now: datetime,
    progress: Progress = lambda _done, _size: None,
    pause: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Download the published weights and the test picture, prove them and register them.

    Raises
    ------
    DownloadError
        The weights did not come to their end; calling again goes on there.
    WrongDownload
        They are not the published ones; what came is deleted.
    AlreadyInstalled
        Other weights have the name.
    """
    spec = SPECS[MODEL]
    with ExitStack() as stack:
        part = stack.enter_context(opened_part(root, url))
        download(url, part, accept=_no_hdf5, progress=progress, pause=pause)
        try:
            sha256 = check_file(part.path, spec)
            seen = Seen(part.size, sha256)
            check_first_use(root, url, seen)
            picture, why_not = _picture(stack, root, picture_url, pause)
            verdict = None if picture is None else _proved(part, picture, url)
            model = register(
                root,
                spec,
                part.path,
                CARDS[MODEL],
                now=now,
                source=url,
                picture=None if picture is None else picture.path,
            )
        except ModelError as error:
            # The same bytes would fail again; an error of the machine is no ModelError.
            part.discard()
            if isinstance(error, RegistryError):
                raise
            raise WrongDownload(f"what {url} gave cannot be used: {error}") from error
        record_first_use(root, url, seen, now=now)
        part.discard()
        if picture is not None:
            picture.discard()
    return Fetched(model, verdict, why_not)


def _proved(part: Part, picture: Part, url: str) -> Verdict:
    verdict = judge_weights(SPECS[MODEL], part.path, picture.path)
    if not verdict.passed:
        raise WrongDownload(f"what {url} gave is not the published model: shows {verdict.text}")
    return verdict


def _picture(
    stack: ExitStack, root: Path, url: str, pause: Callable[[float], None]
) -> tuple[Part | None, str]:
    """Download the test picture; without it the weights stay unproved."""
    try:
        part = stack.enter_context(opened_part(root, url))
    except DownloadError as error:
        return None, str(error)
    try:
        download(url, part, accept=_no_picture, pause=pause)
    except (DownloadError, WrongDownload) as error:
        part.discard()
        return None, str(error)
    return part, ""


def _no_hdf5(start: bytes) -> str:
    if start.startswith(SIGNATURE):
        return ""
    return _described(start, "no HDF5 file")


def _no_picture(start: bytes) -> str:
    return "" if start.startswith(_PICTURES) else _described(start, "no picture")


def _described(start: bytes, wanted: str) -> str:
    if not start:
        return f"{wanted}: it is empty"
    if start.lstrip().startswith(b"<"):
        return f"{wanted} but a web page"
    return f"{wanted}: it begins with {start[:8]!r}"
