"""docs/trace.md says what the code does: names, states, arrows and audit events."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from node import states
from node.db.events import Event

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "trace.md").read_text(encoding="utf-8")

STEPS = [
    "Association",
    "Store",
    "Record",
    "Queue",
    "Claim",
    "Decode",
    "Detect",
    "Report",
    "Send",
    "Confirm",
    "Audit",
]
NAMES = sorted(set(re.findall(r"`((?:node|workers|models|config)(?:\.\w+)+)`", PAGE)))
ARROWS_OF = {
    "instance": states.INSTANCE_ARROWS,
    "study": states.STUDY_ARROWS,
    "delivery": states.DELIVERY_ARROWS,
}
ENUM_OF = {
    "instance": states.InstanceState,
    "study": states.StudyState,
    "delivery": states.DeliveryState,
}
ARROW = re.compile(r"^ *(\S+) --> (\w+)(?: : (.+))?$", re.MULTILINE)


def steps() -> dict[str, str]:
    """Split the page into its numbered sections: title -> text."""
    parts = re.split(r"^## (\d+)\. (.+)$", PAGE.split("## States")[0], flags=re.MULTILINE)
    assert parts[1::3] == [str(number) for number in range(1, len(STEPS) + 1)]
    return dict(zip(parts[2::3], parts[3::3], strict=True))


def diagram(kind: str) -> list[tuple[str, str, list[str]]]:
    """Read the arrows of one state diagram: from, to, events."""
    found = re.search(rf"state {kind} {{\n(.*?)\n    }}", PAGE, re.DOTALL)
    assert found, f"no state diagram of {kind}"
    return [
        (seen, new, label.split(", ") if label else [])
        for seen, new, label in ARROW.findall(found.group(1))
    ]


@cache
def definitions(module: Path) -> frozenset[str]:
    """Give every name that a module defines, methods as ``Class.method``."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    found: set[str] = set()

    def collect(body: list[ast.stmt], above: str) -> None:
        for statement in body:
            match statement:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    found.add(above + name)
                case ast.ClassDef(name=name, body=inner):
                    found.add(above + name)
                    collect(inner, f"{above}{name}.")
                case ast.Assign(targets=targets):
                    found.update(above + t.id for t in targets if isinstance(t, ast.Name))
                case ast.AnnAssign(target=ast.Name(id=name)):
                    found.add(above + name)

    collect(tree.body, "")
    return frozenset(found)


def exists(dotted: str) -> bool:
    """Say whether a module, or a name inside one, exists; nothing is imported."""
    words = dotted.split(".")
    for split in range(len(words), 0, -1):
        module = ROOT.joinpath(*words[:split]).with_suffix(".py")
        if module.is_file():
            return split == len(words) or ".".join(words[split:]) in definitions(module)
    return False


def test_the_page_has_the_eleven_steps_in_order() -> None:
    assert list(steps()) == STEPS


@pytest.mark.parametrize("title", STEPS)
def test_each_step_says_code_after_audit_and_trouble(title: str) -> None:
    labels = re.findall(r"^- \*\*(\w+)\*\*:", steps()[title], re.MULTILINE)

    assert labels == ["Code", "After", "Audit", "Trouble"]


@pytest.mark.parametrize("title", STEPS)
def test_each_step_names_the_code_that_takes_it(title: str) -> None:
    assert any(f"`{name}`" in steps()[title] for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_module_and_function_on_the_page_exists(name: str) -> None:
    assert exists(name)


def test_a_function_that_does_not_exist_would_be_noticed() -> None:
    assert exists("node.states.InstanceState")
    assert not exists("node.states.NoSuchState")
    assert not exists("node.no_such_module.function")


@pytest.mark.parametrize("kind", ARROWS_OF)
def test_the_diagram_has_the_arrows_of_the_code_and_no_other(kind: str) -> None:
    drawn = [(seen, new) for seen, new, _ in diagram(kind) if seen != "[*]"]

    assert len(drawn) == len(set(drawn))
    assert set(drawn) == {(str(seen), str(new)) for seen, new in ARROWS_OF[kind]}


@pytest.mark.parametrize("kind", ARROWS_OF)
def test_each_diagram_begins_in_one_state(kind: str) -> None:
    begins = [new for seen, new, _ in diagram(kind) if seen == "[*]"]

    assert begins == [str(next(iter(ENUM_OF[kind])))]


@pytest.mark.parametrize("kind", ARROWS_OF)
def test_the_label_of_an_arrow_is_an_event_of_its_kind(kind: str) -> None:
    labels = [name for _, _, events in diagram(kind) for name in events]

    assert labels
    assert all(Event(name).startswith(f"{kind}_") for name in labels)


@pytest.mark.parametrize("kind", ENUM_OF)
def test_every_state_stands_in_a_step(kind: str) -> None:
    text = " ".join(steps().values())

    assert [state for state in ENUM_OF[kind] if not re.search(rf"\b{state}\b", text)] == []


def test_the_table_of_events_is_the_codes() -> None:
    table = PAGE.split("## Audit events")[1]

    assert re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE) == [
        (str(event), event.meaning) for event in Event
    ]


@pytest.mark.parametrize("event", list(Event))
def test_every_event_stands_in_a_step(event: Event) -> None:
    assert any(f"`{event}`" in text for text in steps().values())


@pytest.mark.parametrize("event", list(Event))
def test_every_event_is_written_somewhere(event: Event) -> None:
    sources = [*(ROOT / "node").rglob("*.py"), *(ROOT / "workers").rglob("*.py")]
    member = f"Event.{event.name}"

    assert any(
        re.search(rf"\b(?:Audited)?{member}\b", path.read_text(encoding="utf-8"))
        for path in sources
    )
