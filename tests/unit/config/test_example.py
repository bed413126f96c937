from __future__ import annotations

import re
import tomllib
from pathlib import Path

from config.example import example_toml, packaged_example, settings_page
from config.loading import load_settings
from config.settings import Settings
from config.tree import settings_of

ROOT = Path(__file__).parents[3]


def test_the_example_file_says_what_the_tree_says() -> None:
    assert packaged_example() == example_toml(), "run `make docs`"


def test_the_settings_page_says_what_the_tree_says() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    assert page == settings_page(), "run `make docs`"


def test_the_example_as_it_is_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mgnode.toml"
    path.write_text(packaged_example(), encoding="utf-8")

    assert load_settings(path, {}) == Settings()


def test_the_example_with_every_setting_uncommented_is_every_default(tmp_path: Path) -> None:
    path = tmp_path / "mgnode.toml"
    text = re.sub(r"^#(?=\w+ = )", "", packaged_example(), flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")

    assert load_settings(path, {}) == Settings()
    given = tomllib.loads(text)
    for setting in settings_of():
        if "<name>" not in setting.path:
            value = given
            for word in setting.path:
                assert word in value, setting.dotted
                value = value[word]


def test_the_example_shows_a_destination_and_a_route_that_hold(tmp_path: Path) -> None:
    path = tmp_path / "mgnode.toml"
    text = re.sub(r"^# (?=\[|\w+ = )", "", packaged_example(), flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")

    settings = load_settings(path, {})

    assert settings.routes == {"MAMMO1": ("pacs",)}
    assert settings.destinations["pacs"].port == 104


def test_every_setting_has_a_description() -> None:
    assert all(setting.field.description for setting in settings_of())
