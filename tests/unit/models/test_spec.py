"""The models by name."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from config.detecting import DetectorSettings
from models.registry.cards import LONGEST_STATEMENT
from models.spec import SPECS, Resize
from node.dicom.plain_text import plain


@pytest.mark.parametrize("name", sorted(SPECS))
def test_the_settings_take_each_name(name: str) -> None:
    assert DetectorSettings(model=name).model == name


@pytest.mark.parametrize("name", sorted(SPECS))
def test_what_a_model_says_of_itself_fits_every_result(name: str) -> None:
    spec = SPECS[name]

    assert 0 < len(spec.statement) <= LONGEST_STATEMENT
    assert plain(spec.statement) == spec.statement


@pytest.mark.parametrize("name", sorted(SPECS))
def test_an_operating_point_is_one_that_the_settings_take(name: str) -> None:
    spec = SPECS[name]

    settings = DetectorSettings(score_threshold=spec.score_threshold, max_boxes=spec.max_boxes)

    assert (settings.score_threshold, settings.max_boxes) == (spec.score_threshold, spec.max_boxes)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_model_has_a_title_that_every_result_can_hold(name: str) -> None:
    """Long String (LO): 64 characters, no backslash; ASCII fits every character set."""
    spec = SPECS[name]

    assert spec.name == name
    assert 0 < len(spec.title) <= 64
    assert spec.title.isascii()
    assert "\\" not in spec.title


def test_the_reference_model_is_the_published_network_under_another_name() -> None:
    published, reference = SPECS["ueda2022"], SPECS["reference"]

    assert reference.is_reference
    assert not published.is_reference
    assert published == replace(
        reference,
        name=published.name,
        title=published.title,
        weights_source=published.weights_source,
        statement=published.statement,
        is_reference=False,
    )


def test_the_default_is_the_letterbox_of_the_paper() -> None:
    assert SPECS["ueda2022"].resize == Resize.LETTERBOX == "letterbox"


def test_a_version_changes_with_the_weights_and_with_the_revision() -> None:
    spec = SPECS["ueda2022"]

    assert spec.version("ab" * 32) == "1+abababababab"
    assert spec.version("cd" * 32) != spec.version("ab" * 32)
    assert replace(spec, revision="2").version("ab" * 32) != spec.version("ab" * 32)


def test_importing_the_models_by_name_is_cheap() -> None:
    program = (
        "import sys, models.spec, models.errors; "
        "sys.exit(str(sorted({'numpy', 'cv2', 'h5py', 'keras', 'tensorflow'} & set(sys.modules))))"
    )

    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert answer.stderr.strip() == "[]"


def test_importing_the_detector_does_not_import_keras_yet() -> None:
    program = (
        "import sys, models.detector; "
        "sys.exit(str(sorted({'h5py', 'keras', 'tensorflow'} & set(sys.modules))))"
    )

    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert answer.stderr.strip() == "[]"
