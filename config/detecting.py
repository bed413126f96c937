"""The detector's settings: which model looks, how, and which boxes count."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from config.fields import ModelName, Sha256
from config.group import Group

Candidate = Annotated[float, Field(gt=0.0, lt=1.0)]


class DetectorSettings(Group):
    """The network and its operating point."""

    model: ModelName = Field(
        "ueda2022",
        description=(
            "A name from `mgnode model list`. ueda2022: the published weights. "
            "reference: random numbers, for trials only."
        ),
    )
    weights: Path | None = Field(
        None, description="HDF5 file to use instead of the model's registered weights."
    )
    weights_sha256: Sha256 | None = Field(
        None, description="If set, refuse a weights file with another checksum."
    )
    score_threshold: float | None = Field(
        None,
        gt=0.05,
        le=1.0,
        description="Show boxes at or above this malignancy score; not set: the model's own.",
    )
    max_boxes: int | None = Field(
        None,
        ge=1,
        le=300,
        description="Boxes shown for each image, at most; not set: the model's own number.",
    )
    candidate_thresholds: tuple[Candidate, ...] = Field(
        (),
        description=(
            "Scores below the threshold, falling: the operating points of a graded CAD SR. Boxes "
            "down to the lowest are kept for it; no other result shows them."
        ),
        examples=[[0.2, 0.1]],
    )
    runtime: Literal["keras", "openvino"] = Field(
        "keras",
        description=(
            "What computes the network. openvino: faster, smaller and ready sooner on a CPU "
            "(extra 'openvino', without TensorFlow). keras: everything else, with a GPU too."
        ),
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="bfloat16: faster on a GPU, and the boxes differ; a CPU refuses it.",
    )
    xla: bool = Field(
        False, description="Let XLA compile the network: for a GPU; a CPU refuses it."
    )
    batch_size: int = Field(
        0,
        ge=0,
        le=64,
        description="Images that the network sees at once, at most; 0: 8 on a GPU, else 1.",
    )

    @field_validator("candidate_thresholds")
    @classmethod
    def _candidates_fall_from_the_threshold(
        cls, value: tuple[float, ...], info: ValidationInfo
    ) -> tuple[float, ...]:
        # The model's own threshold and floor are known to the analysis worker, which looks too.
        threshold = info.data.get("score_threshold")
        if value and threshold is not None and value[0] >= threshold:
            raise ValueError(f"{value[0]:g} is not below detector.score_threshold, {threshold:g}")
        if any(one <= next_one for one, next_one in pairwise(value)):
            raise ValueError("each must be below the one before it")
        return value
