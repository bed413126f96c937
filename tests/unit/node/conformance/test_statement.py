"""The conformance statement says what the tables say, and the page in docs is one of it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from config.profiles import ObjectKind, Profile
from config.settings import Settings
from node.conformance.sample import BUILT, bare_study, build, full_study
from node.conformance.statement import conformance_statement
from node.dicom.offers import OTHER_REPORT, SOP_CLASSES, offers
from node.dicom.part10 import to_bytes
from node.dicom.sop_classes import STORAGE_SOP_CLASSES, TRANSFER_SYNTAXES
from node.scp.status import Status

PAGE = Path(__file__).parents[4] / "docs" / "conformance.md"


@pytest.fixture(scope="module")
def statement() -> str:
    return conformance_statement(Settings())


def test_the_page_is_the_statement_of_the_default_settings(statement: str) -> None:
    assert PAGE.read_text() == statement, "run `make docs`"


def test_every_class_syntax_and_status_stands_in_it(statement: str) -> None:
    uids = [*STORAGE_SOP_CLASSES, *TRANSFER_SYNTAXES, *SOP_CLASSES.values(), OTHER_REPORT]

    assert [uid for uid in uids if f"`{uid}`" not in statement] == []
    assert [status for status in Status if f"| 0x{status:04X} |" not in statement] == []


def test_every_kind_of_object_can_be_built_for_it() -> None:
    assert set(BUILT) == set(SOP_CLASSES) == set(get_args(ObjectKind))


@pytest.mark.parametrize("kind", BUILT)
def test_what_is_offered_is_what_is_built(kind: str) -> None:
    profile = Profile.model_validate({"objects": [kind]})

    (offer,) = offers(profile)
    made = [build(kind, study(profile)) for study in (full_study, bare_study)]

    for dataset in made:
        assert dataset.SOPClassUID == offer.sop_class_uid
        assert dataset.SeriesNumber == offer.series_number
        assert str(dataset.SeriesDescription).endswith(offer.series_description)
        assert to_bytes(dataset)


def test_the_other_report_is_offered_under_its_own_class() -> None:
    profile = Profile.model_validate({"measurement_report": {"sop_class": "comprehensive3d"}})

    offered = [offer.sop_class_uid for offer in offers(profile) if offer.kind in BUILT]

    assert OTHER_REPORT in offered
    assert build("measurement_report", full_study(profile)).SOPClassUID == OTHER_REPORT


def test_no_private_attribute_is_made() -> None:
    """The statement says so, and a PACS that drops them would change our objects."""
    for kind in BUILT:
        elements = list(build(kind, full_study(Profile())).iterall())
        assert elements
        assert [element for element in elements if element.tag.is_private] == []


def test_an_installation_states_its_own_names_and_limits() -> None:
    settings = Settings.model_validate(
        {
            "scp": {"ae_title": "BREASTAI", "port": 4242, "max_associations": 7},
            "scu": {"ae_title": "SENDER"},
            "delivery": {"give_up_hours": 5},
            "profiles": {"ward": {"objects": ["cad_sr"], "cad_sr": {"series_number": 123}}},
            "destinations": {
                "pacs": {"ae_title": "BIGPACS", "host": "pacs", "port": 104, "profile": "ward"}
            },
        }
    )

    said = conformance_statement(settings)

    assert "Receiving AE: BREASTAI" in said
    assert "Sending AE: SENDER" in said
    assert "port 4242" in said
    assert "after 5 h" in said.replace("\n", " ")
    assert "| pacs | BIGPACS | pacs:104 | no | ward | none |" in said
    assert "| cad sr | Mammography CAD SR | 123 | AI CAD report mgnode | every study |" in said


def test_tables_stay_whole_and_paragraphs_are_filled(statement: str) -> None:
    prose = [line for line in statement.splitlines() if not line.startswith(("|", "#"))]

    assert max(map(len, prose)) <= 116
    assert "\n\n\n" not in statement


def test_an_item_of_a_tree_stands_below_the_one_that_it_belongs_to(statement: str) -> None:
    """An operating point belongs to a rendering intent, wherever its first one was met."""
    lines = [line.split(" | ") for line in statement.splitlines() if "| >" in line]
    names = [(line[0].strip("| "), line[-1]) for line in lines]
    place = next(n for n, (_, name) in enumerate(names) if "111071" in name)

    level, _ = names[place]
    above = next(name for upper, name in reversed(names[:place]) if len(upper) < len(level))
    assert "111056" in above
