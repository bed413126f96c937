from __future__ import annotations

from pathlib import Path

import pytest

from config.loading import load_settings, load_with_origins
from config.show import as_toml

DESTINATION = '{"pacs": {"ae_title": "PA \\"CS", "host": "pacs", "port": 104}}'


def test_what_is_shown_loads_again_to_the_same_settings(tmp_path: Path) -> None:
    environ = {
        "MGNODE_DESTINATIONS": DESTINATION,
        "MGNODE_ROUTES": '{"MAMMO 1": ["pacs"], "X": []}',
        "MGNODE_STORAGE__ROOT": '/srv/Klinik "Süd" \\ 病院',
        "MGNODE_STORAGE__FREE_SPACE_GIB": "0.25",
    }
    path = tmp_path / "shown.toml"
    path.write_text(as_toml(load_with_origins(None, environ)), encoding="utf-8")

    assert load_settings(path, {}) == load_settings(None, environ)


@pytest.mark.parametrize(
    ("name", "url"),
    [("DATABASE", "sqlite://hunter2"), ("BROKER", "redis://:hunter2@broker")],
)
def test_a_secret_is_shown_as_asterisks(name: str, url: str) -> None:
    text = as_toml(load_with_origins(None, {f"MGNODE_{name}__URL": url}))

    assert "hunter2" not in text
    assert f'url = "**********"  # MGNODE_{name}__URL' in text


def test_the_origin_stands_behind_each_value_that_is_no_default(tmp_path: Path) -> None:
    path = tmp_path / "mgnode.toml"
    path.write_text("[scp]\nport = 104\n", encoding="utf-8")

    text = as_toml(load_with_origins(path, {"MGNODE_SCP__HOST": "::"}))

    assert f"port = 104  # {path}\n" in text
    assert 'host = "::"  # MGNODE_SCP__HOST\n' in text
    assert 'ae_title = "MGNODE"\n' in text
