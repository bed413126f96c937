"""One cell of the table: a fault at one step, in all its places, and what it broke."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from node.errors import StopError
from workers.selftest.gate import GO_ON, Point, Reply
from workers.selftest.invariants import half_received, violations
from workers.selftest.steps import JOB_OF, Job, Step

if TYPE_CHECKING:
    from workers.selftest.bench import Bench
    from workers.selftest.child import Child

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

    ``bug`` is a deliberate one, by name, that stands in every process of the node; ``most`` is
    how many places are tried.
    """

    bench: Bench
    step: Step
    bug: str = ""
    stop_at_first: bool = False
    most: int = 10_000
    runs: list[Run] = field(default_factory=list)

    @property
    def job(self) -> Job:
        """The piece of work that takes the step."""
        return JOB_OF[self.step]

    @property
    def is_over(self) -> bool:
        """Whether one failure was enough, or so many places."""
        if len(self.runs) >= self.most:
            return True
        return self.stop_at_first and any(run.violations for run in self.runs)

    def points(self) -> list[Point]:
        """Operations of the step, in order, as an undisturbed child does them."""
        return [point for point in self.bench.undisturbed(self.job) if point.step is self.step]

    def play(
        self,
        place: str,
        act: Callable[[], None],
        *,
        replay: bool = False,
        at_most: timedelta = timedelta(days=1),
    ) -> None:
        """Put everything back, do ``act``, drive all to the end, and check what must hold.

        With ``replay`` a person puts back what was given up, after the fault is over.
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
            if replay:
                bench.retry()
                bench.drive(at_most=at_most)
            # Reconciliation would sweep them a day later.
            found = half_received(bench)
            reconciled = bench.reconcile()
            found += violations(bench, repeats=self.step in MAY_REPEAT) + reconciled
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
    ) -> None:
        """Do the job once for each of ``points`` and ``act`` there."""
        for point in points:
            self.play(
                f"{word} {point.name}",
                lambda point=point: self.run_to(point, act),  # type: ignore[misc]
            )

    def run_to(self, target: Point, act: Act, *, impatiently: bool = False, **more: Any) -> None:
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

        if impatiently:
            self.bench.run_impatiently(self.job, decide)
        else:
            self.bench.run(self.job, decide, **more)
        # With a bug in it the child may well take another way.
        if not met and not self.bug:
            raise StopError(f"no child came to {target.name} of {target.step}")


def _is_same(point: Point, target: Point) -> bool:
    return (point.step, point.name) == (target.step, target.name)
