"""One verdict on weights: what passes, what fails, and the line that says why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.registry import probe
from models.registry.folder import find
from models.registry.record import RECORD, Registered
from models.registry.verify import PictureMissing, Subject, verify
from models.spec import SPECS
from tests.hollow_weights import write_hollow
from tests.tiny_weights import register_tiny, tiny_spec, write_tiny
from tests.weights_files import reference_weights_file

pytestmark = pytest.mark.tensorflow

UEDA = SPECS["ueda2022"]


@pytest.fixture
def model(tmp_path: Path) -> Registered:
    return register_tiny(tmp_path / "models")


def subject(model: Registered) -> Subject:
    return Subject(model.spec, model.weights, model)


def test_a_model_that_is_as_it_was_passes_and_no_published_answer_is_claimed(
    model: Registered,
) -> None:
    verdict = verify(subject(model), None)

    assert verdict.passed
    assert verdict.text == (
        "tiny is as it was registered: same bytes, same answers; no published answer exists for it"
    )


def test_one_changed_byte_fails_with_both_checksums(model: Registered) -> None:
    content = bytearray(model.weights.read_bytes())
    content[-1] ^= 1
    model.weights.write_bytes(content)

    verdict = verify(subject(model), None)

    assert not verdict.passed
    assert "was changed after it was registered" in verdict.text
    assert model.sha256 in verdict.text


def test_a_file_that_lost_its_end_fails_with_both_sizes(model: Registered) -> None:
    model.weights.write_bytes(model.weights.read_bytes()[:5000])

    verdict = verify(subject(model), None)

    assert not verdict.passed
    assert f"is cut short: 5000 of {model.size} bytes" in verdict.text


def test_a_file_that_is_gone_fails(model: Registered) -> None:
    model.weights.unlink()

    assert "does not exist" in verify(subject(model), None).text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda answers: answers["scores"].__setitem__(3, 0.9), "scores differ by up to"),
        (lambda answers: answers["offsets"][5].__setitem__(2, 7.0), "offsets differ by up to"),
        (lambda answers: answers.update(anchors=7), "anchors instead of 7"),
        (lambda answers: answers.update(picture="other"), "they are of another picture, other"),
    ],
)
def test_other_answers_than_on_the_first_day_fail(model: Registered, change: Any, why: str) -> None:
    """A broken build of TensorFlow leaves every byte of the file as it was."""
    path = model.weights.with_name(RECORD)
    values = json.loads(path.read_text())
    change(values["answers"])
    path.write_text(json.dumps(values))

    verdict = verify(subject(find(model.weights.parents[1], "tiny")), None)

    assert not verdict.passed
    assert "answers other than on the day it was registered" in verdict.text
    assert why in verdict.text


def test_answers_that_differ_in_the_last_digits_are_the_same(model: Registered) -> None:
    now = probe.answers(model.spec, model.weights)
    near = {**now, "scores": [score + 1e-4 for score in now["scores"]]}

    assert probe.difference(near, now) == ""


def test_the_probe_sees_each_weight_of_a_network(model: Registered, tmp_path: Path) -> None:
    """Answers of zeros, or of one value, would be the same whatever the weights are."""
    other = write_tiny(tmp_path / "other.h5", seed=8)

    ours = probe.answers(model.spec, model.weights)
    theirs = probe.answers(model.spec, other)

    assert len(set(ours["scores"])) > probe.SAMPLES // 2
    assert probe.difference(ours, theirs) != ""


def test_a_file_of_another_model_says_so(tmp_path: Path) -> None:
    given = write_tiny(tmp_path / "w.h5")

    verdict = verify(Subject(replace(tiny_spec(), pyramid_filters=4), given), None)

    assert not verdict.passed
    assert verdict.text.startswith(f"NOT the model tiny: {given} holds ")


def test_a_file_that_can_be_loaded_says_that_nothing_more_is_known(tmp_path: Path) -> None:
    given = write_tiny(tmp_path / "w.h5")

    verdict = verify(Subject(tiny_spec(), given), None)

    assert verdict == (
        True,
        (
            f"{given} can be loaded as tiny and gives finite answers; "
            "no published answer exists for it"
        ),
    )


def test_the_reference_weights_are_not_the_published_model() -> None:
    path = reference_weights_file()

    verdict = verify(Subject(UEDA, path), None)

    assert verdict == (
        False,
        (
            f"NOT the published model: {path} holds the reference weights (random numbers), "
            "which are for the model 'reference' alone"
        ),
    )


def test_a_truncated_download_says_how_much_is_there(tmp_path: Path) -> None:
    hollow = write_hollow(tmp_path / "hollow.h5")
    whole = hollow.read_bytes()
    hollow.write_bytes(whole[: len(whole) // 2])

    verdict = verify(Subject(UEDA, hollow), None)

    assert not verdict.passed
    assert f"is cut short: {len(whole) // 2} of {len(whole)} bytes" in verdict.text
    assert "\n" not in verdict.text


def test_weights_that_answer_something_else_are_not_the_published_model(tmp_path: Path) -> None:
    hollow = write_hollow(tmp_path / "hollow.h5")
    picture = tmp_path / "grey.png"
    Image.fromarray(np.full((800, 800), 90, np.uint8)).save(picture)

    verdict = verify(Subject(UEDA, hollow), picture)

    assert not verdict.passed
    assert verdict.text.startswith(f"NOT the published model: {hollow} shows ")
    assert "with score 0.5000 (published: one, (147, 482)-(269, 596)" in verdict.text
    assert verdict.text.endswith(f"but {picture} is not the published test picture")


def test_without_the_picture_nothing_is_said_of_weights_that_can_be_loaded(
    tmp_path: Path,
) -> None:
    hollow = write_hollow(tmp_path / "hollow.h5")

    with pytest.raises(PictureMissing, match="name it with --image"):
        verify(Subject(UEDA, hollow), None)
