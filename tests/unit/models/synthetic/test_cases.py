"""A folder of synthetic cases: readable as any other, and the same however it was made."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from models.cases.manifest import read_manifest
from models.synthetic.cases import write_cases
from models.synthetic.image import make_image


def test_the_manifest_says_what_the_images_show(tmp_path: Path) -> None:
    cases = read_manifest(write_cases(tmp_path / "new", 3, 11))

    assert len(cases) == 3
    for index, case in enumerate(cases):
        image = make_image(11, index)
        stored = cv2.imread(str(case.image), cv2.IMREAD_UNCHANGED)
        assert (stored == image.pixels).all()
        assert (case.side, case.view, case.density) == (image.side, image.view, image.density)
        assert case.source == image.source
        assert list(case.boxes) == [pytest.approx(lesion.box) for lesion in image.lesions]
    assert cases[0].patient == cases[1].patient != cases[2].patient


def test_two_processes_make_the_same_files_as_one(tmp_path: Path) -> None:
    one = write_cases(tmp_path / "one", 3, 4).parent
    two = write_cases(tmp_path / "two", 3, 4, processes=2).parent

    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in two.iterdir())
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    write_cases(tmp_path, 2, 1, progress=lambda done, of: told.append((done, of)))

    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(("count", "seed", "processes"), [(0, 0, 1), (1, -1, 1), (1, 0, 0)])
def test_impossible_numbers_are_refused(
    tmp_path: Path, count: int, seed: int, processes: int
) -> None:
    with pytest.raises(ValueError, match="at least one image"):
        write_cases(tmp_path / "new", count, seed, processes=processes)
    assert not (tmp_path / "new").exists()
