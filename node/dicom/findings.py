"""What the analysis of a study found: the one input of every object we return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from config.profiles import Profile
from node.dicom.header import text
from node.dicom.separation import Separation

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from pydicom import Dataset

    from node.dicom.geometry import Box


@dataclass(frozen=True, slots=True)
class Finding:
    """One box at or above the threshold.

    ``box`` is in stored pixels of its image (edge coordinates, clipped), ``score``
    the detector's own certainty from 0 to 1, ``rank`` counts from 1 by falling score.
    """

    box: Box
    score: float
    rank: int

    @property
    def percent(self) -> str:
        """Score in percent with one decimal, as every result shows it."""
        return f"{100.0 * self.score:.1f}"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """The model that looked, as every result names it (TID 4019).

    ``version`` changes with the weights; ``parameters`` are ``key=value`` texts: the
    threshold that boxes had to pass, how many were shown at most, the weights' checksum
    and what the model's card says of its use. ``candidate_thresholds`` are the operating
    points below the threshold, falling; the first is number 1.
    """

    name: str
    version: str
    weights_sha256: str
    device_uid: str
    parameters: tuple[str, ...]
    candidate_thresholds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Device:
    """The node as equipment: General Equipment module and TID 1004."""

    manufacturer: str
    model_name: str
    software_versions: str
    serial_number: str
    station_name: str
    institution_name: str = ""


@dataclass(frozen=True, slots=True)
class ImageResult:
    """One received image and what became of it.

    ``header`` is the stored data set without Pixel Data. ``not_analysed`` is the
    reason's keyword (``node.dicom.eligibility.Reason``) or ``""`` when the detector ran;
    ``candidates`` are boxes below the threshold, ranked on after ``findings``: only a graded
    CAD SR shows them. ``notes`` are flags such as ``IMPLANT``, ``LOSSY`` or ``NO_VIEW``.
    ``algorithm`` is None unless another than the study's has looked: weights may change
    before a late image.
    """

    header: Dataset
    findings: tuple[Finding, ...]
    not_analysed: str
    notes: tuple[str, ...] = ()
    algorithm: Algorithm | None = None
    candidates: tuple[Finding, ...] = ()

    @property
    def sop_instance_uid(self) -> str:
        """SOP Instance UID (0008,0018) of the source image."""
        return text(self.header, "SOPInstanceUID")


@dataclass(frozen=True, slots=True)
class RefusedImage:
    """An image of the study that was sent, refused, and never came again.

    Its sender's word is all that is known of it: ``sop_class_uid`` is empty when that
    does not say. ``reason`` is a keyword of ``node.dicom.reasons.Refusal``.
    """

    sop_instance_uid: str
    sop_class_uid: str
    reason: str


@dataclass(frozen=True, slots=True)
class OtherReport:
    """An earlier report by another model, which stays; ``algorithm`` is its name and version."""

    algorithm: str
    sop_instance_uid: str


_STANDARD: Final = Profile()


@dataclass(frozen=True, slots=True)
class StudyResult:
    """Everything that the objects of one study's report are made from.

    ``completed_at`` (timezone-aware, from the study's row) is the only clock that the
    objects know, so that building them again gives the same bytes; its time zone is the
    hospital's, for sources that name none. ``algorithm`` is the newest that has looked.
    ``namespace`` is the installation's UUID for derived UIDs. ``predecessors`` are (SOP
    Class UID, SOP Instance UID, Series Instance UID) of the reports that this one
    supersedes, ``beside`` the earlier ones of other models, which stay. ``model`` is the one
    that a person asked for by its name, empty for the node's own: series are described by it.
    ``profile`` says in which form the objects are wanted. ``refused`` are images
    that the node could not take: nothing but their UIDs is known. ``first_image`` is the SOP
    Instance UID of the first that came: another patient's has another, and so another series.
    ``separation`` is set where these are a part of the study's images, those of one patient
    and order.
    """

    images: tuple[ImageResult, ...]
    algorithm: Algorithm
    device: Device
    completed_at: datetime
    namespace: UUID
    predecessors: tuple[tuple[str, str, str], ...] = ()
    profile: Profile = _STANDARD
    refused: tuple[RefusedImage, ...] = ()
    model: str = ""
    beside: tuple[OtherReport, ...] = ()
    first_image: str = ""
    separation: Separation | None = None

    @property
    def analysed(self) -> tuple[ImageResult, ...]:
        """The images that the detector looked at."""
        return tuple(image for image in self.images if not image.not_analysed)

    def algorithm_of(self, image: ImageResult) -> Algorithm:
        """Give the algorithm that looked at ``image``, or was due to."""
        return image.algorithm or self.algorithm

    @property
    def study_instance_uid(self) -> str:
        """Study Instance UID (0020,000D), the same in every image."""
        return text(self.images[0].header, "StudyInstanceUID")
