"""The CBIS-DDSM films as their publishers gave them."""

from __future__ import annotations

import pytest
from pydicom import dcmread

from node.demo.films import film_paths
from node.dicom.eligibility import check


@pytest.mark.films
def test_every_film_of_the_wheel_is_analysed_as_it_comes() -> None:
    films = [dcmread(path, stop_before_pixels=True) for path in film_paths().values()]

    assert [check(film).reason for film in films] == [None] * 4
