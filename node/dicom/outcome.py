"""What was analysed and what was not, in the words of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.dicom import codes
from node.dicom.identity import most_complete, unreadable
from node.dicom.image_label import label
from node.dicom.plain_text import plain
from node.dicom.reasons import Note, Reason, Refusal
from node.dicom.references import undeclared_orders
from node.dicom.sop_classes import STORAGE_SOP_CLASSES, Look

if TYPE_CHECKING:
    from node.dicom.codes import Code
    from node.dicom.findings import ImageResult, RefusedImage, StudyResult

# The study's time limit passed before the detector got to the image.
PENDING_AT_TIME_LIMIT: Final = "PENDING_AT_TIME_LIMIT"

# Every attempt of the detector at the image failed, for no fault of the image's own.
ANALYSIS_FAILED: Final = "ANALYSIS_FAILED"

_SENTENCES: Final = {
    PENDING_AT_TIME_LIMIT: "The time limit of the study passed first.",
    "OVERRAN": "Its worker took longer than its lease and was ended.",
    "WORKER_LOST": "Its worker crashed or was killed.",
    "LEASE_EXPIRED": "Its worker did not come back in time.",
    ANALYSIS_FAILED: "The analysis was tried and did not end; the node's log says where.",
}

# Rules about what an image is leave it out: the algorithm was never due, and CID 6047
# speaks of algorithms that were. Rules about faulty data are failures, as is all else
# that keeps an image back.
_FAULTY_DATA: Final = frozenset(
    {
        Reason.PHOTOMETRIC,
        Reason.IMAGE_SIZE,
        Reason.BIT_DEPTH,
        Reason.MISSING_IDENTITY,
        Reason.UNREADABLE_PIXELS,
        Reason.DECODER_CRASHED,
        Reason.DECODER_MEMORY,
        Reason.DECODER_TIME,
        Reason.UNREADABLE_HEADER,
    }
)
_NEVER_DUE: Final = frozenset(str(reason) for reason in set(Reason) - _FAULTY_DATA)

# (something failed, something was found), CID 6047
_SUMMARIES: Final[dict[tuple[bool, bool], Code]] = {
    (False, False): codes.ALL_WITHOUT_FINDINGS,
    (False, True): codes.ALL_WITH_FINDINGS,
    (True, False): codes.SOME_WITHOUT_FINDINGS,
    (True, True): codes.SOME_WITH_FINDINGS,
}


def summary(study: StudyResult, *, has_findings: bool | None = None) -> Code:
    """Give the CAD Processing and Findings Summary of a study.

    Boxes below the threshold are no findings, unless ``has_findings`` says otherwise.
    """
    if not study.analysed:
        return codes.NONE_WITHOUT_FINDINGS
    if has_findings is None:
        has_findings = any(image.findings for image in study.images)
    failed = bool(missed(study)) or any(map(has_failed, study.images))
    return _SUMMARIES[failed, has_findings]


def has_failed(image: ImageResult) -> bool:
    """Whether the algorithm was due to look at an image and did not, or not to its end."""
    return bool(image.not_analysed) and image.not_analysed not in _NEVER_DUE


def is_unusable(image: ImageResult) -> bool:
    """Whether it is the image's own data that kept the algorithm from looking at it."""
    return image.not_analysed in _FAULTY_DATA


def missed(study: StudyResult) -> tuple[RefusedImage, ...]:
    """Give the refused images that the detector may have been due to look at."""
    return tuple(
        image
        for image in study.refused
        if image.sop_class_uid not in STORAGE_SOP_CLASSES
        or STORAGE_SOP_CLASSES[image.sop_class_uid].look is not Look.NEVER
    )


def why_incomplete(study: StudyResult) -> str:
    """Say why not every image was attempted or left out by a rule; empty when all were.

    A text of at most 64 characters (CompletionFlagDescription is an LO).
    """
    if any(image.not_analysed == PENDING_AT_TIME_LIMIT for image in study.images):
        return "Time limit reached before every image was analysed"
    return "Not every image of the study could be received" if missed(study) else ""


def is_complete(study: StudyResult) -> bool:
    """Whether every image of the study was attempted or left out by a rule."""
    return not why_incomplete(study)


def headline(study: StudyResult) -> str:
    """Say in a sentence what was found in how many images, and how many were refused."""
    if not study.refused:
        return _found(study)
    refused = "1 more image was" if len(study.refused) == 1 else f"{len(study.refused)} more were"
    return f"{_found(study)} {refused} sent and could not be received."


def _found(study: StudyResult) -> str:
    analysed, total = len(study.analysed), len(study.images)
    if not analysed:
        return f"No image was analysed: 0 of {total}. This is not a result without findings."
    found = sum(len(image.findings) for image in study.analysed)
    if not found:
        return f"No region at or above the reporting threshold in {analysed} of {total} images."
    regions = "1 region" if found == 1 else f"{found} regions"
    return f"{regions} at or above the reporting threshold; {analysed} of {total} images analysed."


def all_remarks(study: StudyResult, images: tuple[ImageResult, ...]) -> list[str]:
    """Say what every report says beside its findings; ``images`` are in viewing order."""
    headers = [image.header for image in images]
    orders = [
        f"Not copied from image {uid}, in no declared character set: RequestAttributesSequence"
        for uid in undeclared_orders(most_complete(headers), headers)
    ]
    return [*beside(study), *parted(study), *remarks(images), *orders, *refusals(study)]


def remarks(images: tuple[ImageResult, ...]) -> list[str]:
    """Say of each image why it was not analysed, or what to bear in mind of it."""
    texts = []
    for image in images:
        name = f"{label(image.header)} image {image.sop_instance_uid}"
        if image.not_analysed:
            texts.append(f"Not analysed: {name}: {_worded(Reason, image.not_analysed)}")
        texts.extend(f"Note on {name}: {_worded(Note, note)}" for note in image.notes)
        if image.algorithm is not None:
            looked = image.algorithm
            settings = f" ({', '.join(looked.parameters)})" if looked.parameters else ""
            texts.append(plain(f"Analysed by {looked.name} {looked.version}{settings}: {name}"))
        left_out = unreadable(image.header)
        if left_out:
            texts.append(f"Not copied from {name}, malformed: {', '.join(left_out)}")
    return texts


def parted(study: StudyResult) -> list[str]:
    """Say of which part of the study this is, where its images disagree about whose they are."""
    rest = study.separation
    if rest is None:
        return []
    count = f"{len(study.images)} of {rest.images_of_the_study}"
    disputed = ", ".join(rest.attributes)
    said = [f"Images of this study disagree about {disputed}: this report is on {count} images"]
    said += [f"In no report: image {uid}: it does not say whose it is" for uid in rest.in_no_report]
    return [plain(text) for text in said]


def beside(study: StudyResult) -> list[str]:
    """Name the earlier reports by other models: this one supersedes none of them."""
    return [
        plain(
            f"An earlier report by {other.algorithm} exists and stays: SOP Instance UID "
            f"{other.sop_instance_uid}"
        )
        for other in study.beside
    ]


def refusals(study: StudyResult) -> list[str]:
    """Say of each image that was not taken why not."""
    return [
        plain(f"Not received: image {image.sop_instance_uid}: {_worded(Refusal, image.reason)}")
        for image in study.refused
    ]


def sentence(keyword: str) -> str:
    """Give the sentence of a reason, note or refusal; the keyword where it has none."""
    words = {str(word): word.text for kind in (Reason, Note, Refusal) for word in kind}
    return {**words, **_SENTENCES}.get(keyword, plain(keyword))


def _worded(words: type[Reason] | type[Note] | type[Refusal], keyword: str) -> str:
    """Give the keyword with its sentence; one that has none stands alone."""
    sentences = {**_SENTENCES, **{str(word): word.text for word in words}}
    return f"{keyword}. {sentences[keyword]}" if keyword in sentences else plain(keyword)
