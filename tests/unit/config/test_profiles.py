"""Profiles: what a destination gets, found by its name."""

from __future__ import annotations

import pytest

from config.loading import SettingsError, load_settings

PACS = '{"pacs": {"ae_title": "PACS", "host": "pacs", "port": 104, "profile": "ward"}}'


def test_a_destination_whose_profile_does_not_exist_is_a_problem() -> None:
    with pytest.raises(SettingsError, match="destinations: no profile is named ward"):
        load_settings(None, {"MGNODE_DESTINATIONS": PACS})


def test_a_part_of_a_profile_keeps_the_rest_at_its_default() -> None:
    environ = {
        "MGNODE_DESTINATIONS": PACS,
        "MGNODE_PROFILES__WARD__OVERLAY__LONG_SIDE": "800",
    }

    profile = load_settings(None, environ).profile_of("pacs")

    assert (profile.overlay.long_side, profile.overlay.images) == (800, "with_findings")


def test_a_standard_profile_that_is_written_down_replaces_the_built_in_one() -> None:
    environ = {
        "MGNODE_DESTINATIONS": PACS.replace("ward", "standard"),
        "MGNODE_PROFILES__STANDARD__STUDIES": "with_findings",
    }

    assert load_settings(None, environ).profile_of("pacs").studies == "with_findings"


def test_an_unknown_kind_of_object_is_a_problem() -> None:
    environ = {"MGNODE_PROFILES": '{"ward": {"objects": ["hologram"]}}'}

    with pytest.raises(SettingsError, match=r"profiles\.ward\.objects"):
        load_settings(None, environ)


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ('{"objects": []}', r"profiles\.ward\.objects: names no object"),
        ('{"objects": ["overlay", "cad_sr", "overlay"]}', "names overlay twice"),
        ('{"transfer_syntaxes": ["RLE", "RLE"]}', "names RLE twice"),
        (
            '{"overlay": {"series_number": 9002}}',
            r"profiles\.ward: series number 9002 is that of measurement_report and overlay",
        ),
    ],
)
def test_a_profile_that_cannot_be_meant_is_a_problem(profile: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load_settings(None, {"MGNODE_PROFILES": f'{{"ward": {profile}}}'})


def test_a_series_number_of_a_kind_that_is_not_sent_may_be_used_by_another() -> None:
    environ = {"MGNODE_PROFILES": '{"ward": {"overlay": {"series_number": 9005}}}'}

    assert load_settings(None, environ).profiles["ward"].overlay.series_number == 9005
