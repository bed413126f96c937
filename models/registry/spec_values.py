"""A model's specification as plain values for a JSON file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from models.spec import AnchorRule, MobileNetV2, ModelSpec, ResNet

BACKBONES: Final[dict[str, type[ResNet | MobileNetV2]]] = {
    "resnet": ResNet,
    "mobilenet_v2": MobileNetV2,
}


def to_values(spec: ModelSpec) -> dict[str, Any]:
    """Give every field; the backbone names its kind."""
    (kind,) = [name for name, made in BACKBONES.items() if type(spec.backbone) is made]
    return {**asdict(spec), "backbone": {"kind": kind, **asdict(spec.backbone)}}


def from_values(values: Mapping[str, Any]) -> ModelSpec:
    """Build the specification again.

    Raises
    ------
    ValueError
        A field is unknown, of another type, or missing without a default: another version of
        mgnode wrote it.
    """
    left = dict(values)
    backbone = dict(left.pop("backbone"))
    kind = backbone.pop("kind", None)
    if kind not in BACKBONES:
        raise ValueError(f"no backbone is called {kind!r}")
    try:
        return ModelSpec(
            backbone=_built(BACKBONES[kind], backbone, "backbone"),
            anchors=_built(AnchorRule, left.pop("anchors"), "anchors"),
            **_checked(ModelSpec, left, "spec", apart=frozenset({"backbone", "anchors"})),
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where}: {first['msg']}") from None


def _built(kind: type[Any], values: Mapping[str, Any], where: str) -> Any:
    return kind(**_checked(kind, values, where))


def _checked(
    kind: type[Any],
    values: Mapping[str, Any],
    where: str,
    *,
    apart: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Check that each given field of a dataclass is known and of its type.

    One that is not given keeps its default: the record is older than the field.
    """
    known = {field.name for field in fields(kind)} - apart
    if other := sorted(set(values) - known):
        raise ValueError(f"{where} has unknown fields: {', '.join(other)}")
    made = TypeAdapter(kind).validate_python(dict(values))
    return {name: getattr(made, name) for name in known}
