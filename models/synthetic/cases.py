"""Write synthetic mammograms as a folder of annotated cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import cv2

from models.cases.case import MALIGNANT, Box, Case, CaseFinding
from models.cases.manifest import write_manifest
from models.synthetic.image import Mammogram, make_image

MANIFEST: Final = "manifest.csv"

Progress = Callable[[int, int], None]


def write_cases(
    folder: Path, count: int, seed: int, *, processes: int = 1, progress: Progress | None = None
) -> Path:
    """Write ``count`` images as PNG, and their manifest, into ``folder``.

    The same count and seed give the same files, whatever the number of processes; image
    2k and 2k + 1 are views of one patient.

    Parameters
    ----------
    folder : Path
        Is made.
    progress : callable, optional
        Is told how many images are written, of how many.

    Returns
    -------
    Path
        Of the manifest.
    """
    if count < 1 or processes < 1 or seed < 0:
        raise ValueError(
            "at least one image and one process are needed, and a seed of 0 or more: "
            f"count {count}, processes {processes}, seed {seed}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for case in _written(folder, count, seed, processes):
        cases.append(case)
        if progress is not None:
            progress(len(cases), count)
    manifest = folder / MANIFEST
    write_manifest(manifest, cases)
    return manifest


def _written(folder: Path, count: int, seed: int, processes: int) -> Iterator[Case]:
    write = partial(_write_one, folder, seed)
    if processes == 1:
        yield from map(write, range(count))
        return
    # Not forked: a copy of a process with threads (OpenCV, TensorFlow) may hang.
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_one_thread
    ) as pool:
        yield from pool.map(write, range(count), chunksize=8)


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _write_one(folder: Path, seed: int, index: int) -> Case:
    image = make_image(seed, index)
    path = folder / f"synthetic-{seed}-{index:06d}.png"
    _, coded = cv2.imencode(".png", image.pixels)
    path.write_bytes(coded.tobytes())
    return as_case(image, path, patient=f"synthetic-{seed}-{index // 2:06d}")


def as_case(image: Mammogram, path: Path, *, patient: str) -> Case:
    """Describe a synthetic image that is stored at ``path``; all its lesions are cancers."""
    return Case(
        image=path,
        image_id=path.name,
        patient=patient,
        side=image.side,
        view=image.view.value,
        density=image.density,
        source=image.source.value,
        findings=tuple(
            CaseFinding(lesion.kind.value, MALIGNANT, Box(*lesion.box)) for lesion in image.lesions
        ),
    )
