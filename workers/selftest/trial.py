"""One cell of the table: a fault at one step, in all its places, and what it broke."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from node.errors import StopError
from workers.selftest.gate import GO_ON, Point, Reply
from workers.selftest.invariants import violations
from workers.selftest.steps import JOB_OF, Job, Step

if TYPE_CHECKING:
    from workers.selftest.bench import Bench
    from workers.selftest.child import Child, Decide

MAY_REPEAT: Final = frozenset({Step.SEND, Step.CONFIRM, Step.AUDIT})
"""Steps at which a result may reach the destination twice, under the same UID: its answer was
lost with the process that waited for it, or the destination said that it has lost the object."""

Act = Callable[[Point, "Child"], Reply | None]


@dataclass(frozen=True, slots=True)
class Run:
    """One place of a fault, and everything that was wrong afterwards."""

    place: str
    violations: tuple[str, ...]


@dataclass
class Trial:
    """Plays one fault at one step; ``runs`` are its places so far.

    ``bug`` is a deliberate one, by name, that stands in every process of the node.
    """

    bench: Bench
    step: Step
    bug: str = ""
    stop_at_first: bool = False
    runs: list[Run] = field(default_factory=list)

    @property
    def job(self) -> Job:
        """The piece of work that takes the step."""
        return JOB_OF[self.step]

    @property
    def is_over(self) -> bool:
        """Whether one failure was enough."""
        return self.stop_at_first and any(run.violations for run in self.runs)

    def points(self) -> list[Point]:
        """Operations of the step, in order, as an undisturbed child does them."""
        return [point for point in self.bench.undisturbed(self.job) if point.step is self.step]

    def play(
        self,
        place: str,
        act: Callable[[], None],
        *,
        may_fail: bool = False,
        at_most: timedelta = timedelta(days=1),
        check: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """Put everything back, do ``act``, drive all to the end, and check what must hold.

        ``check`` may name more that is wrong, about this fault alone.
        """
        if self.is_over:
            return
        bench = self.bench
        bench.bug = ""
        bench.put_back(self.job)
        bench.order_traces.clear()
        bench.bug = self.bug
        try:
            act()
            bench.finish(resend=self.job is Job.RECEIVE, at_most=at_most)
            found = violations(bench, repeats=self.step in MAY_REPEAT, may_fail=may_fail)
            found += check()
        except StopError as error:
            found = [str(error)]
        finally:
            bench.bug = ""
        self.runs.append(Run(place, tuple(found)))

    def at_each(
        self,
        points: Iterable[Point],
        act: Act,
        *,
        word: str = "before",
        may_fail: bool = False,
        at_most: timedelta = timedelta(days=1),
    ) -> None:
        """Do the job once for each of ``points`` and ``act`` there."""
        for point in points:
            self.play(
                f"{word} {point.name}",
                lambda point=point: self.run_to(point, act),  # type: ignore[misc]
                may_fail=may_fail,
                at_most=at_most,
            )

    def run_to(self, target: Point, act: Act) -> None:
        """Do the job in a child and ``act`` when it comes to ``target``.

        Raises
        ------
        StopError
            It never came there: the harness does not know its work any more.
        """
        met = False

        def decide(point: Point, child: Child) -> Reply | None:
            nonlocal met
            if met or not _is_same(point, target):
                return GO_ON
            met = True
            return act(point, child)

        self.bench.run(self.job, decide)
        # With a bug in it the child may well take another way.
        if not met and not self.bug:
            raise StopError(f"no child came to {target.name} of {target.step}")

    def run(self, decide: Decide) -> None:
        """Do the job in a child."""
        self.bench.run(self.job, decide)


def _is_same(point: Point, target: Point) -> bool:
    return (point.step, point.name) == (target.step, target.name)
