"""Others read our objects: highdicom, Stone's rules, and pixel by pixel ourselves."""

from __future__ import annotations

import math
from collections.abc import Callable

import highdicom
import numpy as np
import pytest
from pydicom import dcmread

from node.dicom.drawing import GREEN
from tests.contract.forms import BAD, Form
from tests.contract.stone import StoneMark, stone_marks
from tests.results import raw_value


def test_highdicom_reads_every_box(form: Form) -> None:
    groups = highdicom.sr.srread(form.report).content.get_planar_roi_measurement_groups()

    boxes = {
        image.sop_instance_uid: [list(found.box) for found in image.findings]
        for image in form.study.analysed
        if image.findings
    }
    read: dict[str, list[list[float]]] = {}
    for group in groups:
        region = group.roi
        points = region.value
        uid = region.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        corners = [*points.min(axis=0), *points.max(axis=0)]
        read.setdefault(str(uid), []).append([float(corner) for corner in corners])
    assert read.keys() == boxes.keys()
    for uid, expected in boxes.items():
        assert np.array(read[uid]) == pytest.approx(np.array(expected), abs=1e-4)


def test_stone_draws_every_box_with_its_score(form: Form) -> None:
    expected = [
        StoneMark("POLYLINE", image.sop_instance_uid, float(found.percent))
        for image in form.study.analysed
        for found in image.findings
    ]

    assert sorted(stone_marks(dcmread(form.report))) == sorted(expected)


@pytest.mark.parametrize("name", ["22_sr_bad_rel", "11_no_verification_flag"])
def test_stone_draws_nothing_of_a_bad_report(name: str) -> None:
    assert stone_marks(dcmread(BAD / f"{name}.dcm")) == []


def test_the_green_rectangles_lie_on_the_boxes(form: Form) -> None:
    for image, long_side, path in form.overlay_pictures:
        picture = dcmread(path).pixel_array
        rows, columns = picture.shape[:2]
        assert max(rows, columns) == (long_side or 331)
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

    for path, inverted in zip(one.overlays, other.overlays, strict=True):
        difference = dcmread(path).pixel_array.astype(int) - dcmread(inverted).pixel_array
        assert np.abs(difference).max() <= 1


def test_names_and_numbers_are_those_of_the_image_to_the_byte(form: Form) -> None:
    image = dcmread(form.images[0])

    for path in form.outputs:
        result = dcmread(path)
        assert result.get("SpecificCharacterSet") == image.get("SpecificCharacterSet")
        for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "StudyDescription"):
            assert raw_value(result, keyword) == raw_value(image, keyword), keyword


def test_every_reference_of_a_report_is_to_an_image_that_came(form: Form) -> None:
    came = {dcmread(path).SOPInstanceUID for path in form.images}

    report = dcmread(form.report)

    referenced = {
        item.ReferencedSOPInstanceUID
        for element in report.iterall()
        if element.keyword == "ReferencedSOPSequence"
        for item in element.value
    } - {uid for _, uid, _ in form.study.predecessors}
    assert referenced == came
