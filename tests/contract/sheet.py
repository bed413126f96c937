"""Draw the overlays and the summaries of all synthetic studies, for a person to look at.

``python -m tests.contract.sheet FOLDER`` writes one PNG for each study.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from pydicom import dcmread

from tests.contract.studies import STUDIES, write_study
from tests.contract.written import StudyFiles

HEIGHT = 700
GAP = 8


def sheet(files: StudyFiles) -> Image.Image:
    """Put a study's pictures side by side in the order in which they were made."""
    pictures = [
        Image.fromarray(dcmread(made.path).pixel_array)
        for made in files.of_kind("overlay", "summary_overlay")
    ]
    scaled = [
        picture.resize((round(picture.width * HEIGHT / picture.height), HEIGHT))
        for picture in pictures
    ]
    drawn = Image.new("RGB", (sum(p.width + GAP for p in scaled), HEIGHT), "white")
    left = 0
    for picture in scaled:
        drawn.paste(picture, (left, 0))
        left += picture.width + GAP
    return drawn


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in STUDIES:
        with TemporaryDirectory() as work:
            sheet(write_study(name, Path(work))).save(folder / f"{name.replace(' ', '_')}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
