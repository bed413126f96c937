"""Digitised films: of a workstation, and the CBIS-DDSM's as their publishers gave them."""

from __future__ import annotations

import pytest
from pydicom import dcmread
from pydicom.uid import SecondaryCaptureImageStorage

from node.demo.films import film_paths
from node.dicom.eligibility import check
from tests.factories import make_mammogram


@pytest.mark.parametrize("conversion", ["DF", "SI", "WSD"])
def test_a_digitised_film_is_analysed(conversion: str) -> None:
    film = make_mammogram(
        SOPClassUID=SecondaryCaptureImageStorage, ConversionType=conversion, ImageType=None
    )

    assert check(film).reason is None


@pytest.mark.films
def test_every_film_of_the_wheel_is_analysed_as_it_comes() -> None:
    films = [dcmread(path, stop_before_pixels=True) for path in film_paths().values()]

    assert [check(film).reason for film in films] == [None] * 4
