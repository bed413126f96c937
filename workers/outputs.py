"""Who gets what: the forms in which a study's results are made, and their destinations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, get_args

from config.profiles import ObjectKind, Profile
from config.settings import Settings
from node.db.report_results import EarlierResult
from node.db.reporting import StudyToReport

KINDS: Final[tuple[str, ...]] = get_args(ObjectKind)


@dataclass(frozen=True, slots=True)
class Output:
    """Objects of one kind in one form; destinations that want the same share them."""

    kind: str
    profile: Profile
    destinations: tuple[str, ...]

    def predecessors(self, earlier: Iterable[EarlierResult]) -> tuple[tuple[str, str, str], ...]:
        """Name the reports that this one supersedes: the newest that its destinations got."""
        known = [
            result
            for result in earlier
            if result.kind == self.kind
            and result.source_instance_id is None
            and (not self.destinations or not result.destinations.isdisjoint(self.destinations))
        ]
        newest = max((result.generation for result in known), default=0)
        return tuple(result.reference for result in known if result.generation == newest)


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
