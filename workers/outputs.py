"""Who gets what: the forms in which a study's results are made, and their destinations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, get_args

from config.profiles import ObjectKind, Profile
from config.settings import Settings
from node.db.report_results import EarlierResult
from node.db.reporting import StudyToReport
from node.dicom.findings import OtherReport, StudyResult

KINDS: Final[tuple[str, ...]] = get_args(ObjectKind)


@dataclass(frozen=True, slots=True)
class Output:
    """Objects of one kind in one form; destinations that want the same share them."""

    kind: str
    profile: Profile
    destinations: tuple[str, ...]

    def form(
        self,
        study: StudyResult,
        earlier: Sequence[EarlierResult],
        *,
        plan: Callable[[StudyResult], set[str]],
        is_whole: Callable[[EarlierResult], bool],
    ) -> StudyResult:
        """Say of a study's result what came before it.

        Where it would be what its destinations got last, down to the bytes, it takes that
        object's place and UID: the same again is no new result.

        Parameters
        ----------
        plan : callable
            Names the objects that would be made of a result by their SOP Instance UIDs.
        is_whole : callable
            Whether an earlier object can still be sent: one that is lost is made anew.
        """
        newest = self._newest(earlier, study.model)
        if newest and all(map(is_whole, newest)):
            before = [each for each in earlier if each.generation < newest[0].generation]
            as_it_was = self._after(study, before)
            if plan(as_it_was) == {each.reference[1] for each in newest}:
                return as_it_was
        return self._after(study, earlier)

    def _after(self, study: StudyResult, earlier: Sequence[EarlierResult]) -> StudyResult:
        """Name what it supersedes, and other models' reports, which stay beside it."""
        others = sorted({each.model for each in earlier} - {study.model})
        return replace(
            study,
            predecessors=tuple(each.reference for each in self._newest(earlier, study.model)),
            beside=tuple(
                OtherReport(each.algorithm, each.reference[1])
                for model in others
                for each in self._newest(earlier, model)
            ),
        )

    def _newest(self, earlier: Iterable[EarlierResult], model: str) -> list[EarlierResult]:
        """Give the reports of this kind, for a model, that the destinations got last."""
        known = [
            result
            for result in earlier
            if (result.kind, result.model) == (self.kind, model)
            and result.source_instance_id is None
            and (not self.destinations or not result.destinations.isdisjoint(self.destinations))
        ]
        newest = max((result.generation for result in known), default=0)
        return [result for result in known if result.generation == newest]


def outputs(settings: Settings, study: StudyToReport, *, has_findings: bool) -> Iterator[Output]:
    """List the objects to make, kind by kind in the order of ``config.profiles``.

    Without a destination the standard profile's are made: the node keeps what it found.
    """
    destinations = settings.destinations_for(study.source_ae)
    wanted = {name: settings.profile_of(name) for name in destinations or ("",)}
    for kind in KINDS:
        shared: dict[tuple[str, ...], Output] = {}
        for name, profile in wanted.items():
            if kind not in profile.objects or not _is_due(study, name, profile, has_findings):
                continue
            form = _form(profile, kind)
            output = shared.get(form, Output(kind, profile, ()))
            names = (*output.destinations, name) if name else ()
            shared[form] = Output(kind, output.profile, names)
        yield from shared.values()


def _is_due(study: StudyToReport, destination: str, profile: Profile, has_findings: bool) -> bool:
    """Whether a destination gets this report; who has an earlier one gets its successor."""
    if profile.studies == "all" or has_findings:
        return True
    return any(destination in result.destinations for result in study.earlier)


def _form(profile: Profile, kind: str) -> tuple[str, ...]:
    """Give all of a profile that the bytes of its objects follow from."""
    return (profile.manufacturer, profile.character_set, profile.options(kind).model_dump_json())
