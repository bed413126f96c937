"""What `mgnode model list` and `info` know of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from config.settings import Settings
from models.registry.cards import CARDS, PARTS, Card
from models.registry.errors import NotInstalled, RegistryError
from models.registry.folder import BUNDLED, find, names
from models.registry.record import Registered
from models.spec import SPECS, ModelSpec
from node.db.installation import uid_namespace
from node.db.session import UNAVAILABLE, Database
from node.dicom.result_uids import device_uid
from node.errors import StopError
from node.store.paths import Layout

NOT_INSTALLED: Final = "not installed"
BUNDLED_STATE: Final = "bundled"
INSTALLED: Final = "installed"
DAMAGED: Final = "damaged"

_TITLES: Final = {
    "name": "name",
    "state": "state",
    "configured": "named by detector.model",
    "title": "name in results",
    "version": "version in results",
    "device_uid": "Device UID in results",
    "sha256": "sha256 of the weights",
    "size": "size in bytes",
    "form": "form of the file",
    "weights": "file",
    "source": "came from",
    "registered_at": "registered at",
    "score_threshold": "operating threshold",
    "max_boxes": "boxes for each image, at most",
    "statement": "what results say of it",
    "network": "network",
    "problem": "problem",
}


def listed(settings: Settings) -> list[dict[str, Any]]:
    """Describe every model that is here or known by name, in the order of their names."""
    root = Layout(settings.storage.root).models
    every = sorted({*SPECS, *names(root)})
    return [_short(settings, name) for name in every]


def values_of(settings: Settings, name: str) -> dict[str, Any]:
    """Give all facts of one model, its card among them.

    Raises
    ------
    RegistryError
        Nobody knows the name, or its record cannot be read.
    """
    root = Layout(settings.storage.root).models
    try:
        model = find(root, name)
    except NotInstalled as error:
        if name not in SPECS:
            raise
        return {
            **_of_spec(SPECS[name]),
            "state": NOT_INSTALLED,
            "configured": settings.detector.model == name,
            "problem": str(error),
            "card": dict(CARDS[name]),
        }
    return {
        **_of_spec(model.spec),
        **_of_file(model),
        "configured": settings.detector.model == name,
        "device_uid": _device_uid(settings, model),
        "card": dict(model.card),
    }


def fact_rows(values: Mapping[str, Any]) -> list[Sequence[object]]:
    """Give the facts as rows of a table, in the order in which they are read."""
    return [[title, _shown(key, values[key])] for key, title in _TITLES.items() if key in values]


def card_rows(card: Card) -> list[Sequence[object]]:
    """Give a card as rows of a table; a part that is a table itself has a row for each line."""
    keys = [*PARTS, *(key for key in card if key not in PARTS)]
    return [row for key in keys for row in _part_rows(key.replace("_", " "), card[key])]


def _shown(key: str, value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key == "device_uid" and value is None:
        return "follows from the installation: `mgnode db upgrade` makes it"
    return value


def _part_rows(title: str, part: object) -> Iterator[Sequence[object]]:
    if isinstance(part, Mapping):
        for name, value in part.items():
            yield from _part_rows(f"{title}: {name}", value)
    elif isinstance(part, list):
        yield from ([title, value] for value in part)
    else:
        yield [title, part]


def _short(settings: Settings, name: str) -> dict[str, Any]:
    try:
        values = values_of(settings, name)
    except RegistryError as error:
        values = {"name": name, "state": DAMAGED, "problem": str(error)}
    keys = ("name", "state", "version", "score_threshold", "max_boxes", "title", "sha256", "size")
    return {
        **{key: values.get(key) for key in keys},
        "configured": settings.detector.model == name,
        "problem": values.get("problem"),
    }


def _of_spec(spec: ModelSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "title": spec.title,
        "score_threshold": spec.score_threshold,
        "max_boxes": spec.max_boxes,
        "statement": spec.statement,
        "network": f"RetinaNet, {type(spec.backbone).__name__}, {spec.side} pixels",
    }


def _of_file(model: Registered) -> dict[str, Any]:
    return {
        "state": BUNDLED_STATE if model.name == BUNDLED else INSTALLED,
        "version": model.version,
        "sha256": model.sha256,
        "size": model.size,
        "form": model.form,
        "weights": model.weights,
        "source": model.source,
        "registered_at": model.registered_at,
    }


def _device_uid(settings: Settings, model: Registered) -> str | None:
    """Give the UID that results of this installation carry; None before it has a database."""
    namespace = _namespace(settings)
    return None if namespace is None else device_uid(namespace, model.name, model.version)


def _namespace(settings: Settings) -> UUID | None:
    database = Database(settings.database_url)
    try:
        database.require_current_schema()
        with database.read() as session:
            return uid_namespace(session)
    except (StopError, *UNAVAILABLE):
        return None
    finally:
        database.dispose()
