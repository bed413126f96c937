"""A presentation state draws what the report says, on its own image, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom import Dataset

from config.profiles import PresentationStateOptions, Profile
from node.dicom.findings import Finding
from node.dicom.geometry import Box
from node.dicom.presentation_state import build_presentation_state, is_presentable
from tests.factories import (
    COLUMNS,
    ROWS,
    four_view_study,
    make_mammogram,
)
from tests.presentation_forms import state_of, state_of_one, with_overlay
from tests.report_tree import items, report_of
from tests.results import (
    LESION,
    SECOND_LESION,
    make_study,
    stored,
)

OUTSIDE = Finding(Box(-0.4, 300.0, 257.00001, 331.2), 0.9, 1)


def outlines(state: Dataset) -> list[Dataset]:
    return [
        drawn for part in state.GraphicAnnotationSequence for drawn in part.GraphicObjectSequence
    ]


def labels(state: Dataset) -> list[Dataset]:
    return [text for part in state.GraphicAnnotationSequence for text in part.TextObjectSequence]


class TestGraphics:
    """PS3.3 C.10.5 and C.10.7: what no tool looks at."""

    def test_each_box_is_a_closed_line_of_five_points_in_pixels(self) -> None:
        drawn = outlines(state_of_one(LESION, SECOND_LESION))

        assert len(drawn) == 2
        for outline in drawn:
            points = list(outline.GraphicData)
            assert (outline.GraphicType, outline.GraphicAnnotationUnits) == ("POLYLINE", "PIXEL")
            assert (outline.GraphicFilled, outline.GraphicDimensions) == ("N", 2)
            assert outline.NumberOfGraphicPoints * 2 == len(points) == 10
            assert points[:2] == points[-2:]

    def test_the_line_is_that_of_the_report(self) -> None:
        study = make_study(four_view_study(), findings={1: (LESION, SECOND_LESION, OUTSIDE)})

        drawn = outlines(state_of(study, 1))

        groups = items(report_of(study), "126010", "125007")
        regions = [items(group, "111030")[0] for group in groups]
        assert [list(one.GraphicData) for one in drawn] == [list(r.GraphicData) for r in regions]

    def test_outlines_and_labels_are_tracked_as_in_the_report(self) -> None:
        images = [make_mammogram(sop_instance_uid=uid) for uid in ("1.2.1", "1.2.2")]
        study = make_study(images, findings={0: (LESION,), 1: (LESION, SECOND_LESION)})

        state = state_of(study, 1)

        groups = items(report_of(study), "126010", "125007")[1:]
        names = [items(group, "112039")[0].TextValue for group in groups]
        uids = [items(group, "112040")[0]["UID"].value for group in groups]
        assert names == ["L-CC(2)-1", "L-CC(2)-2"]
        for tracked in (outlines(state), labels(state)):
            assert [one.TrackingID for one in tracked] == names
            assert [one.TrackingUID for one in tracked] == uids

    def test_no_point_lies_outside_the_image(self) -> None:
        points = list(outlines(state_of_one(OUTSIDE))[0].GraphicData)

        assert set(points[::2]) == {0.0, float(COLUMNS)}
        assert set(points[1::2]) == {300.0, float(ROWS)}

    def test_everything_lies_on_the_one_layer_that_there_is(self) -> None:
        state = state_of_one(LESION, SECOND_LESION)

        (layer,) = state.GraphicLayerSequence
        assert layer.GraphicLayer == "AI_FINDINGS"
        assert {part.GraphicLayer for part in state.GraphicAnnotationSequence} == {"AI_FINDINGS"}

    def test_the_layer_is_green(self) -> None:
        """C.10.7.1.1: L* from 0 to 100, a* and b* from -128 to 127, each over 16 bits."""
        (layer,) = state_of_one().GraphicLayerSequence

        coded = layer.GraphicLayerRecommendedDisplayCIELabValue
        lightness = coded[0] / 65535 * 100
        a, b = (part / 65535 * 255 - 128 for part in coded[1:])
        # sRGB (0, 255, 0) under D50, as colour tables give it.
        assert (lightness, a, b) == pytest.approx((87.82, -79.27, 80.99), abs=0.01)

    def test_a_label_is_rank_and_score(self) -> None:
        said = [label.UnformattedTextValue for label in labels(state_of_one(LESION, SECOND_LESION))]

        assert said == ["AI 1: 54.3 %", "AI 2: 31.0 %"]

    def test_the_place_of_a_label_is_given_in_pixels_of_the_image(self) -> None:
        for label in labels(state_of_one(LESION, SECOND_LESION, OUTSIDE)):
            left, top = label.BoundingBoxTopLeftHandCorner
            right, bottom = label.BoundingBoxBottomRightHandCorner
            assert 0 <= left < right <= COLUMNS
            assert 0 <= top < bottom <= ROWS
            assert label.BoundingBoxAnnotationUnits == "PIXEL"
            assert label.BoundingBoxTextHorizontalJustification == "LEFT"

    def test_the_graphics_are_of_the_one_image_that_is_named(self) -> None:
        study = make_study(four_view_study(), findings={2: (LESION,)})
        image = study.images[2].header

        state = state_of(study, 2)

        (series,) = state.ReferencedSeriesSequence
        assert series.SeriesInstanceUID == image.SeriesInstanceUID
        (drawn,) = state.GraphicAnnotationSequence
        for (reference,) in (series.ReferencedImageSequence, drawn.ReferencedImageSequence):
            assert reference.ReferencedSOPInstanceUID == image.SOPInstanceUID
            assert reference.ReferencedSOPClassUID == image.SOPClassUID


class TestDisplayedArea:
    """PS3.3 C.10.4."""

    def test_the_whole_image_is_shown_from_the_first_pixel(self) -> None:
        (area,) = state_of_one().DisplayedAreaSelectionSequence

        assert list(area.DisplayedAreaTopLeftHandCorner) == [1, 1]
        assert list(area.DisplayedAreaBottomRightHandCorner) == [COLUMNS, ROWS]
        assert area.PresentationSizeMode == "SCALE TO FIT"
        assert "PixelOriginInterpretation" not in area  # for tiled images alone

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({}, [1, 1]),
            ({"ImagerPixelSpacing": None}, [1, 1]),
            ({"ImagerPixelSpacing": [0.1, 0.05]}, [2, 1]),
            ({"PixelSpacing": [0.06, 0.09]}, [2, 3]),
            ({"ImagerPixelSpacing": None, "PixelAspectRatio": [3, 4]}, [3, 4]),
            ({"ImagerPixelSpacing": [0, 0.07]}, [1, 1]),
        ],
    )
    def test_a_pixel_has_the_shape_that_the_image_gives_it(
        self, attributes: dict[str, Any], expected: list[int]
    ) -> None:
        (area,) = state_of_one(**attributes).DisplayedAreaSelectionSequence

        assert list(area.PresentationPixelAspectRatio) == expected
        assert "PresentationPixelSpacing" not in area


class TestSeries:
    """Laterality is of the series; General Series, PS3.3 C.7.3.1."""

    def test_each_side_has_a_series(self) -> None:
        study = make_study(four_view_study(), findings=dict.fromkeys(range(4), (LESION,)))
        states = [state_of(study, place) for place in range(4)]

        sides = [state.Laterality for state in states]
        assert sides == ["R", "L", "R", "L"]
        series = {(state.Laterality, state.SeriesInstanceUID) for state in states}
        assert len(series) == len({uid for _, uid in series}) == 2
        assert states[0].SeriesDescription == "R AI presentation state mgnode"
        assert len({state.SOPInstanceUID for state in states}) == 4

    @pytest.mark.parametrize("side", [None, "B"])
    def test_an_image_of_no_one_side_leaves_it_empty_in_a_series_of_its_own(
        self, side: str | None
    ) -> None:
        views = [make_mammogram(), make_mammogram(view="MLO", ImageLaterality=side)]
        study = make_study(views, findings={0: (LESION,), 1: (LESION,)})

        known, unknown = state_of(study, 0), state_of(study, 1)

        assert "Laterality" in unknown
        assert not unknown.Laterality
        assert known.SeriesInstanceUID != unknown.SeriesInstanceUID

    def test_number_and_description_are_the_profiles(self) -> None:
        options = PresentationStateOptions(series_number=77, series_description="Boxes")
        study = make_study(
            [make_mammogram()],
            findings={0: (LESION,)},
            profile=Profile(presentation_state=options),
        )

        state = state_of(study)

        assert (state.SeriesNumber, state.SeriesDescription) == (77, "L Boxes mgnode")
        assert state.Modality == "PR"


class TestGreys:
    """What the image's own pipeline does; DCMTK renders it in tests/contract."""

    @pytest.mark.parametrize(
        ("photometric", "shape"), [("MONOCHROME1", "INVERSE"), ("MONOCHROME2", "IDENTITY")]
    )
    def test_monochrome1_is_inverted(self, photometric: str, shape: str) -> None:
        assert state_of_one(photometric=photometric).PresentationLUTShape == shape

    def test_the_first_window_is_the_only_one(self) -> None:
        state = state_of_one(
            WindowCenter=["1800.5", "900"], WindowWidth=["2400", "300"], VOILUTFunction="SIGMOID"
        )

        (voi,) = state.SoftcopyVOILUTSequence
        assert (voi.WindowCenter, voi.WindowWidth) == (1800.5, 2400)
        assert voi.VOILUTFunction == "SIGMOID"

    def test_an_image_without_a_window_gets_none(self) -> None:
        state = state_of_one(WindowCenter=None, WindowWidth=None)

        assert "SoftcopyVOILUTSequence" not in state

    def test_a_shutter_of_the_image_stays(self) -> None:
        """PS3.4 N.2: what a presentation state does not say is not done."""
        state = state_of_one(
            ShutterShape="RECTANGULAR",
            ShutterLeftVerticalEdge="3",
            ShutterRightVerticalEdge="250",
            ShutterUpperHorizontalEdge="2",
            ShutterLowerHorizontalEdge="330",
        )

        assert state.ShutterShape == "RECTANGULAR"
        assert state.ShutterRightVerticalEdge == 250
        assert state.ShutterPresentationValue == 0
        assert "ShutterShape" not in state_of_one()


def test_overlays_of_the_image_are_shown_on_a_layer_of_their_own() -> None:
    """PS3.3 C.11.7: one that the presentation state does not activate is hidden."""
    state = state_of(make_study([with_overlay()], findings={0: (LESION,)}))

    layers = {item.GraphicLayer: item.GraphicLayerOrder for item in state.GraphicLayerSequence}
    assert layers == {"AI_FINDINGS": 2, "IMAGE_OVERLAYS": 1}
    activated = {element.tag: element.value for element in state.group_dataset(0x6000)}
    assert activated == {0x60001001: "IMAGE_OVERLAYS"}


class TestWhatCannotBePresented:
    @pytest.mark.parametrize(
        ("findings", "reason", "samples"),
        [((), "", 1), ((LESION,), "UNREADABLE_PIXELS", 1), ((LESION,), "", 3)],
    )
    def test_an_image_without_box_or_with_colours_gets_none(
        self, findings: tuple[Finding, ...], reason: str, samples: int
    ) -> None:
        header = stored(make_mammogram(SamplesPerPixel=samples))
        study = make_study([header], findings={0: findings}, not_analysed={0: reason})
        image = study.images[0]

        assert not is_presentable(image)
        with pytest.raises(ValueError, match=image.sop_instance_uid):
            build_presentation_state(study, image)
