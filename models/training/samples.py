"""What the network sees at each step: every draw follows from the seed alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.cases.case import Case
from models.spec import ModelSpec
from models.training import appearance, window
from models.training.augmentation import Matrix, draw, moved_boxes, moved_image
from models.training.errors import WrongRecipe
from models.training.pictures import Picture, PictureStore
from models.training.recipe import Recipe
from models.training.targets import NO_BOXES, Matching, Targets, anchor_targets

# Numbers that keep the streams of one seed apart.
_ORDER: Final = 1
_CHANGES: Final = 2

T = TypeVar("T")


class Sample(NamedTuple):
    """One image as the network takes it, (height, width, 3), and its targets."""

    pixels: NDArray[np.float32]
    targets: Targets


class Batch(NamedTuple):
    """Images of one step, their targets, and their names for a message."""

    pixels: NDArray[np.float32]
    regression: NDArray[np.float32]
    classification: NDArray[np.float32]
    names: tuple[str, ...]


class Samples:
    """The images of a run, as they are and as training sees them; for many threads at once."""

    def __init__(self, store: PictureStore, spec: ModelSpec, recipe: Recipe) -> None:
        if max(recipe.window) > spec.side:
            raise WrongRecipe([f"window: {recipe.window} is larger than the input, {spec.side}"])
        self._store = store
        self._spec = spec
        self._recipe = recipe
        self._matching = Matching(recipe.positive_iou, recipe.negative_iou, spec.box_deviation)

    def plain(self, case: Case) -> tuple[Sample, Picture]:
        """Give an image as the detector sees it."""
        picture = self._store.load(case)
        sample = self._sample(picture.pixels.astype(np.float32), picture.boxes, NO_BOXES)
        return sample, picture

    def augmented(self, case: Case, generator: np.random.Generator) -> Sample:
        """Move an image, change its look and cut a window out of it, as the recipe says."""
        recipe, side = self._recipe, self._spec.side
        picture = self._store.load(case)
        matrix = draw(recipe, generator).matrix(height=side, width=side)
        boxes = moved_boxes(matrix, picture.boxes)
        pixels: NDArray[np.uint8] | NDArray[np.float32] = picture.pixels
        if appearance.changes(recipe):
            pixels = appearance.changed(picture.pixels, picture.frame, recipe, generator)
        size, unclear = (side, side), NO_BOXES
        if recipe.windowed:
            size = recipe.window
            breast = moved_boxes(matrix, window.content(picture.pixels))
            top, left = window.place(
                boxes, breast, window=size, size=(side, side), generator=generator
            )
            boxes, unclear = window.seen(
                boxes, top=top, left=left, window=size, visible=recipe.window_visible
            )
            matrix = _shifted(matrix, top=top, left=left)
        moved = moved_image(pixels, matrix, height=size[0], width=size[1], border=recipe.border)
        return self._sample(moved, boxes, unclear)

    def _sample(
        self,
        pixels: NDArray[np.float32],
        boxes: NDArray[np.float64],
        unclear: NDArray[np.float64],
    ) -> Sample:
        height, width = pixels.shape[:2]
        targets = anchor_targets(
            self._spec.anchors,
            boxes,
            height=height,
            width=width,
            matching=self._matching,
            unclear=unclear,
        )
        channels = pixels if pixels.ndim == 3 else pixels[:, :, None]
        return Sample(channels - np.asarray(self._spec.channel_means, np.float32), targets)


def _shifted(matrix: Matrix, *, top: int, left: int) -> Matrix:
    """Count from the window's corner instead of the input's."""
    shifted = matrix.copy()
    shifted[:2, 2] -= (left, top)
    return shifted


class Training:
    """The batches of a run by their number, from its first step to its last."""

    def __init__(self, samples: Samples, cases: Sequence[Case], recipe: Recipe) -> None:
        self._samples = samples
        self._cases = tuple(cases)
        self._recipe = recipe
        # Bounded: with more steps than cases an epoch goes through several orders.
        self._order = lru_cache(maxsize=4)(self._drawn_order)

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self._recipe.steps or -(-len(self._cases) // self._recipe.batch)

    def batch(self, number: int) -> Batch:
        """Make the batch of a step; ``number`` counts the steps of all epochs from 0."""
        first = number * self._recipe.batch
        drawn = [self._drawn(index) for index in range(first, first + self._recipe.batch)]
        samples = [sample for _, sample in drawn]
        return Batch(
            np.stack([sample.pixels for sample in samples]),
            np.stack([sample.targets.regression for sample in samples]),
            np.stack([sample.targets.classification for sample in samples]),
            tuple(case.image_id for case, _ in drawn),
        )

    def _drawn(self, index: int) -> tuple[Case, Sample]:
        """Make the sample of one draw: each pass goes through all cases in another order."""
        turn, place = divmod(index, len(self._cases))
        chosen = int(self._order(turn)[place])
        case = self._cases[chosen]
        generator = np.random.default_rng([self._recipe.seed, _CHANGES, turn, chosen])
        return case, self._samples.augmented(case, generator)

    def _drawn_order(self, turn: int) -> NDArray[np.int64]:
        generator = np.random.default_rng([self._recipe.seed, _ORDER, turn])
        return generator.permutation(len(self._cases))


def ahead(make: Callable[[int], T], numbers: Iterable[int], *, workers: int) -> Iterator[T]:
    """Make things in threads before they are asked for; they come in order.

    An error comes where its thing would have come.
    """
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for number in numbers:
                waiting.append(pool.submit(make, number))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
