"""Many peers at once: images at a steady rate, each sent until the node says success."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Final

from benchmarks.soak import senders
from benchmarks.soak.images import Image, ImageStock, Study
from benchmarks.soak.intruders import INTRUSIONS, intrude
from benchmarks.soak.ledger import SUCCESS, Ledger
from benchmarks.soak.senders import Sender
from config.sending import Destination

MODALITIES: Final = tuple(f"MAMMO{number}" for number in range(1, 9))
SENDERS: Final = 6
PAUSE_SECONDS: Final = 1.0
"""Between two attempts: a modality waits longer, a soak has less time."""

_LATE_SECONDS: Final = 20.0


@dataclass
class Load:
    """What peers do to one node, from `start` until `finish`.

    Parameters
    ----------
    images : int
        No study begins once so many images were sent.
    rate : float
        Images a second that are aimed at.
    """

    node: Destination
    stock: ImageStock
    ledger: Ledger
    images: int
    rate: float
    seed: int
    intrude_every: float = 3.0
    began: float = field(default=0.0, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _threads: list[threading.Thread] = field(default_factory=list, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _begun: int = field(default=0, init=False)
    _numbers: count[int] = field(default_factory=count, init=False)

    def start(self) -> None:
        """Begin to send."""
        self.began = time.monotonic()
        work = [self._send_studies] * SENDERS + [self._misbehave]
        self._threads = [threading.Thread(target=each, name=each.__name__) for each in work]
        for thread in self._threads:
            thread.start()

    @property
    def is_sending(self) -> bool:
        """Whether a study still has images that were not answered success."""
        return any(thread.is_alive() for thread in self._threads[:SENDERS])

    def finish(self) -> None:
        """Begin no new study, let the senders end, and wait for all."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _next_study(self) -> tuple[Study, float] | None:
        with self._lock:
            if self._stop.is_set() or self._begun >= self.images:
                return None
            number = next(self._numbers)
            random = self._random(number)
            wanted = random.choice([4] * 17 + [3, 2, 1])
            views = min(wanted, self.images - self._begun)
            due = self.began + self._begun / self.rate
            self._begun += views
        return self.stock.study(number, views=views), due

    def _send_studies(self) -> None:
        while (following := self._next_study()) is not None:
            study, due = following
            random = self._random(study.number, "way")
            # A modality sends again with the program that it has: another one encodes the same
            # image in other bytes, which the node takes for another image of that UID.
            way = _sender(random, study)
            if self._stop.wait(max(due - time.monotonic(), 0.0)):
                return
            calling_ae = MODALITIES[study.number % len(MODALITIES)]
            late = list(study.images[-1:]) if random.random() < 0.03 else []
            self._send_all(study, [i for i in study.images if i not in late], calling_ae, way)
            if late:
                self._stop.wait(_LATE_SECONDS)
                self._send_all(study, late, calling_ae, way)
            if random.random() < 0.05:
                # A modality that is told to send again: nothing may come of it.
                self._send_once(study, list(study.images), calling_ae, way)

    def _send_all(self, study: Study, images: list[Image], calling_ae: str, way: Sender) -> None:
        """Send until each image was answered success, as a modality's queue does."""
        while images:
            images = self._send_once(study, images, calling_ae, way)
            if images:
                time.sleep(PAUSE_SECONDS)

    def _send_once(
        self, study: Study, images: list[Image], calling_ae: str, way: Sender
    ) -> list[Image]:
        """Send over one association; give what has no success yet."""
        answers = way(images, self.node, calling_ae)
        for uid, status in answers.items():
            self.ledger.note(uid, study.study_instance_uid, calling_ae, status)
        return [image for image in images if answers[image.sop_instance_uid] != SUCCESS]

    def _misbehave(self) -> None:
        random = self._random("intruders")
        kinds = list(INTRUSIONS)
        with ThreadPoolExecutor(max_workers=12) as pool:
            for number in count(10_000_000):
                if self._stop.wait(random.expovariate(1 / self.intrude_every)):
                    return
                image = self.stock.study(number, views=1).images[0]
                kind = kinds[number % len(kinds)]
                pool.submit(intrude, kind, self.node, image, self.ledger)

    def _random(self, *what: object) -> Random:
        return Random(f"{self.seed} {what}")  # noqa: S311 - a plan, no secret


def _sender(random: Random, study: Study) -> Sender:
    ways = [senders.by_pynetdicom, senders.by_hand, senders.by_dcmsend]
    if study.is_uniform:
        ways.append(senders.by_storescu)
    return random.choice(ways)
