"""Is a model what it should be? One verdict, and one line that says why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelError, WeightsError
from models.registry import probe
from models.registry.errors import RegistryError
from models.registry.published import (
    MODEL,
    PICTURE_URL,
    THRESHOLD,
    Verdict,
    judge,
    read_picture,
)
from models.registry.record import Registered
from models.spec import ModelSpec
from models.weights import check_file, sha256_of


class PictureMissing(RegistryError):
    """The proof needs the published test picture, and it is not here."""

    def __init__(self) -> None:
        super().__init__(
            "the published test picture is not here: download it from "
            f"{PICTURE_URL} and name it with --image"
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """Weights to be judged as ``spec``; ``registered`` when they are in the registry."""

    spec: ModelSpec
    weights: Path
    registered: Registered | None = None

    @property
    def title(self) -> str:
        """How the verdict calls it."""
        return self.spec.name if self.registered is not None else str(self.weights)


def verify(subject: Subject, picture: Path | None) -> Verdict:
    """Judge weights: by the published answer when they should be the published ones.

    Parameters
    ----------
    picture : Path or None
        The published test picture; not needed for another model.

    Raises
    ------
    PictureMissing
        The weights can be loaded, and without the picture nothing more can be said.
    RegistryError
        The picture cannot be read.
    """
    try:
        check_bytes(subject)
        if subject.spec.name == MODEL:
            return _published(subject, picture)
        return _answers(subject)
    except RegistryError:
        raise
    except WeightsError as error:
        return _failed(subject, error.problem)
    except ModelError as error:
        return _failed(subject, str(error))


def check_bytes(subject: Subject) -> None:
    """Refuse a file that is no HDF5 file, or not the one that was registered.

    Raises
    ------
    WeightsError
        The text says what is wrong.
    """
    registered, path = subject.registered, subject.weights
    if registered is not None and path.is_file():
        size = path.stat().st_size
        if size < registered.size:
            raise WeightsError(path, f"is cut short: {size} of {registered.size} bytes")
        found = sha256_of(path)
        if found != registered.sha256:
            raise WeightsError(
                path,
                f"was changed after it was registered: its sha256 is {found}, "
                f"that on record {registered.sha256}",
            )
    check_file(path, subject.spec)


def judge_weights(spec: ModelSpec, weights: Path, picture: Path) -> Verdict:
    """Run the published test picture and compare with the published answer."""
    from models.detector import Detector

    test = read_picture(picture)
    detector = Detector.load(spec, weights)
    found = detector.detect(test.pixels, score_threshold=THRESHOLD, max_boxes=spec.max_detections)
    verdict = judge(found.boxes)
    if verdict.passed or test.is_published:
        return verdict
    return Verdict(False, f"{verdict.text}; but {picture} is not the published test picture")


def _published(subject: Subject, picture: Path | None) -> Verdict:
    if picture is None:
        # What is wrong with the file is told without the picture too.
        probe.answers(subject.spec, subject.weights)
        raise PictureMissing
    verdict = judge_weights(subject.spec, subject.weights, picture)
    if verdict.passed:
        return Verdict(True, f"{subject.title} is the published model: {verdict.text}")
    return _failed(subject, f"shows {verdict.text}")


def _answers(subject: Subject) -> Verdict:
    now = probe.answers(subject.spec, subject.weights)
    recorded = subject.registered.answers if subject.registered is not None else {}
    if not recorded:
        return Verdict(
            True,
            f"{subject.title} can be loaded as {subject.spec.name} and gives finite answers; "
            "no published answer exists for it",
        )
    if changed := probe.difference(recorded, now):
        return _failed(subject, f"answers other than on the day it was registered: {changed}")
    return Verdict(
        True,
        f"{subject.title} is as it was registered: same bytes, same answers; "
        "no published answer exists for it",
    )


def _failed(subject: Subject, problem: str) -> Verdict:
    if subject.spec.name == MODEL:
        return Verdict(False, f"NOT the published model: {subject.weights} {problem}")
    return Verdict(False, f"NOT the model {subject.spec.name}: {subject.weights} {problem}")
