from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from config.fields import AeTitle, Host, Network
from config.settings import ResultSettings, Settings

PACS = {"ae_title": "PACS", "host": "pacs", "port": 104}


@pytest.mark.parametrize("text", ["A", "MGNODE", "MAMMO 1", "SIXTEEN_CHARS_16", "a-b.c/d"])
def test_an_ae_title_of_ps3_5_is_taken(text: str) -> None:
    assert TypeAdapter(AeTitle).validate_python(text) == text


@pytest.mark.parametrize(
    "text", ["", " ", " A", "A ", "SEVENTEEN_CHARS17", "A\\B", "A\tB", "A\n", "マンモ"]
)
def test_any_other_ae_title_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(AeTitle).validate_python(text)


@pytest.mark.parametrize("text", ["0.0.0.0", "::1", "pacs.example", "fe80::1%eth0", "pacs_1"])
def test_a_host_is_a_name_or_an_address(text: str) -> None:
    assert TypeAdapter(Host).validate_python(text) == text


@pytest.mark.parametrize("text", ["", "a b", "http://pacs/", "pacs\n", "a" * 254])
def test_any_other_host_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Host).validate_python(text)


def test_a_network_with_host_bits_is_refused_because_it_means_more_than_it_says() -> None:
    with pytest.raises(ValidationError, match="host bits"):
        TypeAdapter(Network).validate_python("10.0.0.5/8")


@pytest.mark.parametrize("setting", ["institution_name", "station_name", "serial_number"])
@pytest.mark.parametrize("text", ["Müller", "病院", "A\\B", "~A", "A\n"])
def test_a_text_that_some_character_set_does_not_hold_is_refused(setting: str, text: str) -> None:
    with pytest.raises(ValidationError, match=f"{setting}\n.*printable ASCII alone"):
        ResultSettings.model_validate({setting: text})


def test_a_text_of_printable_ascii_stands_in_results_as_it_is() -> None:
    name = "St. Mary's Hospital (Site 2)"

    assert ResultSettings(institution_name=name).institution_name == name


@pytest.mark.parametrize("text", ["", "Europe/Berlin", "Asia/Tokyo", "UTC"])
def test_a_time_zone_is_one_of_the_iana_database(text: str) -> None:
    assert ResultSettings(time_zone=text).time_zone == text


@pytest.mark.parametrize(
    "text", ["Europe/Nowhere", "+0900", "Europe", "/etc/localtime", "../zone", "UTC\0", "東京"]
)
def test_any_other_time_zone_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValidationError, match="no time zone of the IANA database"):
        ResultSettings(time_zone=text)


def test_the_settings_cannot_be_changed_after_the_start() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().scp.port = 1  # type: ignore[misc]


def test_only_this_machine_may_associate_by_default() -> None:
    assert all(network.is_loopback for network in Settings().scp.networks)


def test_a_study_without_a_route_goes_to_every_destination() -> None:
    settings = Settings(
        destinations={"pacs": PACS, "archive": PACS}, routes={"MAMMO1": ("archive",)}
    )

    assert settings.destinations_for("MAMMO1") == ("archive",)
    assert settings.destinations_for("MAMMO2") == ("pacs", "archive")


def test_a_route_to_nowhere_means_no_destination_not_every_one() -> None:
    settings = Settings(destinations={"pacs": PACS}, routes={"TEST": ()})

    assert settings.destinations_for("TEST") == ()


def test_without_a_url_the_database_and_the_broker_lie_below_the_storage() -> None:
    settings = Settings(storage={"root": "/var/lib/mgnode"})

    assert settings.database_url == "sqlite:////var/lib/mgnode/mgnode.sqlite3"
    assert settings.broker_url == "redis+socket:///var/lib/mgnode/run/valkey.sock"
