"""Others read our objects: highdicom, dcmqi, Stone's rules, and pixel by pixel ourselves."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ComprehensiveSRStorage

from node.dicom.drawing import GREEN
from tests.contract.forms import Form
from tests.contract.stone import StoneMark, stone_marks
from tests.contract.written import BAD, StudyFiles
from tests.results import raw_value


def test_highdicom_reads_every_box(reported: StudyFiles) -> None:
    for made in reported.of_kind("measurement_report"):
        groups = highdicom.sr.srread(made.path).content.get_planar_roi_measurement_groups()

        read = []
        for group in groups:
            (image,) = group.roi.ContentSequence
            uid = str(image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
            points = group.roi.value
            read.append((uid, [*map(float, points.min(axis=0)), *map(float, points.max(axis=0))]))
        due = sorted((mark.sop_instance_uid, list(mark.box)) for mark in made.marks)
        assert [uid for uid, _ in sorted(read)] == [uid for uid, _ in due]
        for (_, edges), (_, box) in zip(sorted(read), due, strict=True):
            assert edges == pytest.approx(box, abs=1e-4)


@pytest.mark.dcmqi
def test_dcmqi_reads_every_score(reported: StudyFiles, tmp_path: Path) -> None:
    for made in reported.of_kind("measurement_report"):
        read, status = tid1500(made.path, tmp_path / "read.json")

        assert status == 0
        scores = [
            item["value"]
            for group in read["Measurements"]
            for item in group["measurementItems"]
            if item["quantity"]["CodeValue"] == "111047"
        ]
        assert sorted(scores, key=float) == sorted((mark.percent for mark in made.marks), key=float)


@pytest.mark.dcmqi
@pytest.mark.parametrize("name", ["22_sr_bad_rel", "11_no_verification_flag"])
def test_dcmqi_reads_nothing_of_what_is_no_measurement_report(name: str, tmp_path: Path) -> None:
    read, _ = tid1500(BAD / f"{name}.dcm", tmp_path / "read.json")

    assert not read.get("Measurements")


def tid1500(report: Path, read: Path) -> tuple[dict[str, Any], int]:
    """Let dcmqi's reader write what it understood as JSON; give that and its exit status."""
    command = [str(Path(sys.executable).with_name("tid1500reader"))]
    command += ["--inputDICOM", str(report), "--outputMetadata", str(read)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(read.read_text()) if read.exists() else {}, done.returncode


def test_stone_draws_every_box_with_its_score(reported: StudyFiles) -> None:
    for made in reported.of_kind("measurement_report"):
        expected = [
            StoneMark("POLYLINE", mark.sop_instance_uid, float(mark.percent)) for mark in made.marks
        ]
        report = dcmread(made.path)
        if report.SOPClassUID == ComprehensiveSRStorage:  # Stone knows no other
            assert sorted(stone_marks(report)) == sorted(expected)


@pytest.mark.parametrize("name", ["22_sr_bad_rel", "11_no_verification_flag"])
def test_stone_draws_nothing_of_a_bad_report(name: str) -> None:
    assert stone_marks(dcmread(BAD / f"{name}.dcm")) == []


def test_the_green_rectangles_lie_on_the_boxes(form: Form) -> None:
    images = {image.sop_instance_uid: image for image in form.study.images}
    for made in form.of_kind("overlay"):
        image = images[made.source]
        picture = dcmread(made.path).pixel_array
        rows, columns = picture.shape[:2]
        assert max(rows, columns) == (200 if form.name == "reduced" else 331)
        drawn = (picture == GREEN).all(axis=2)
        for found in image.findings:
            x_scale, y_scale = columns / image.header.Columns, rows / image.header.Rows
            left, right = math.floor(found.box.x0 * x_scale), math.ceil(found.box.x1 * x_scale) - 1
            top, bottom = math.floor(found.box.y0 * y_scale), math.ceil(found.box.y1 * y_scale) - 1
            # All four sides are green, and no pixel just outside them is.
            assert drawn[top, left : right + 1].all()
            assert drawn[bottom, left : right + 1].all()
            assert drawn[top : bottom + 1, left].all()
            assert drawn[top : bottom + 1, right].all()
            assert not drawn[top - 1, left : right + 1].any()
            assert not drawn[bottom + 1, left : right + 1].any()
            assert not drawn[top : bottom + 1, left - 1].any()
            assert not drawn[top : bottom + 1, right + 1].any()


def test_a_monochrome1_source_gives_the_same_picture(form_named: Callable[[str], Form]) -> None:
    """Bright is dense in every overlay."""
    one, other = form_named("findings"), form_named("monochrome1")

    pairs = zip(one.of_kind("overlay"), other.of_kind("overlay"), strict=True)
    for drawn, inverted in pairs:
        difference = dcmread(drawn.path).pixel_array.astype(int)
        difference -= dcmread(inverted.path).pixel_array
        assert np.abs(difference).max() <= 1


def test_names_and_numbers_are_those_of_the_image_to_the_byte(form: Form) -> None:
    """Converted ones are the same text in other bytes."""
    image = dcmread(form.images[0])
    is_converted = form.study.profile.character_set != "source"
    charset = "ISO_IR 192" if is_converted else image.get("SpecificCharacterSet")

    for path in form.outputs:
        result = dcmread(path)
        assert result.get("SpecificCharacterSet") == charset
        for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "StudyDescription"):
            if is_converted:
                assert result.get(keyword) == image.get(keyword), keyword
            else:
                assert raw_value(result, keyword) == raw_value(image, keyword), keyword


def test_every_reference_of_a_report_is_to_an_image_that_came(form: Form) -> None:
    came = {dcmread(path).SOPInstanceUID for path in form.images}

    report = dcmread(form.of_kind("measurement_report")[0].path)

    referenced = {
        item.ReferencedSOPInstanceUID
        for element in report.iterall()
        if element.keyword == "ReferencedSOPSequence"
        for item in element.value
    } - {uid for _, uid, _ in form.study.predecessors}
    assert referenced == came
