from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from config.loading import SettingsError, load_settings
from config.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

PACS = '{"pacs": {"ae_title": "PACS", "host": "pacs", "port": 104}}'


def write(folder: Path, text: str) -> Path:
    path = folder / "mgnode.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(path: Path | None, environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(path, environ)
    return [str(problem) for problem in caught.value.problems]


def test_nothing_given_means_every_default() -> None:
    assert load_settings(None, {}) == Settings()


def test_the_environment_goes_before_the_file_and_the_file_before_the_default(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, '[scp]\nport = 11113\nae_title = "FROMFILE"\n')

    settings = load_settings(path, {"MGNODE_SCP__PORT": "11114"})

    assert settings.scp.port == 11114
    assert settings.scp.ae_title == "FROMFILE"
    assert settings.scp.host == "127.0.0.1"


def test_mgnode_config_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[scp]\nport = 11113\n")

    assert load_settings(None, {"MGNODE_CONFIG": str(path)}).scp.port == 11113


def test_a_path_that_is_given_goes_before_mgnode_config(tmp_path: Path) -> None:
    path = write(tmp_path, "[scp]\nport = 11113\n")

    assert load_settings(path, {"MGNODE_CONFIG": "/nowhere"}).scp.port == 11113


def test_all_problems_of_all_sources_come_in_one_report(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        [scp]
        port = 70000
        prt = 1
        networks = ["10.0.0.5/8"]
        [delivery]
        retry_first_seconds = 7200
        [routes]
        MAMMO1 = ["archive"]
        [study]
        quiet_seconds = inf
        [logg]
        level = "info"
        """,
    )
    environ = {
        "MGNODE_LOG__LEVEL": "loud",
        "MGNODE_SCP__HOTS": "0.0.0.0",
        "MGNODE_SCP__CALLING_AE_TITLES": "MAMMO1",
        "MGNODE_BROKER__URL_FILE": str(tmp_path / "absent"),
        "MGNODE_DATABASE__URL": "mysql://node@db/node",
    }

    assert set(problems_of(path, environ)) == {
        f"MGNODE_BROKER__URL_FILE: {tmp_path / 'absent'}: No such file or directory",
        "MGNODE_SCP__HOTS: no setting has this variable; did you mean MGNODE_SCP__HOST?",
        (
            "database.url: the URL must begin with postgresql+psycopg://, sqlite://; "
            "from MGNODE_DATABASE__URL"
        ),
        (
            "delivery.retry_max_seconds: is below retry_first_seconds (7200) (it is 3600.0); "
            f"from {path}"
        ),
        f"logg: no such setting; did you mean log?; from {path}",
        (
            "log.level: Input should be 'debug', 'info', 'warning' or 'error' (it is 'loud'); "
            "from MGNODE_LOG__LEVEL"
        ),
        f"routes: no destination is named archive; from {path}",
        (
            'scp.calling_ae_titles: is not JSON like ["one", "two"]: Expecting value; '
            "from MGNODE_SCP__CALLING_AE_TITLES"
        ),
        f"scp.networks.0: 10.0.0.5/8 has host bits set (it is '10.0.0.5/8'); from {path}",
        f"scp.port: Input should be less than or equal to 65535 (it is 70000); from {path}",
        f"scp.prt: no such setting; did you mean port?; from {path}",
        f"study.quiet_seconds: Input should be a finite number (it is inf); from {path}",
    }


@pytest.mark.parametrize(
    ("file", "environ"),
    [
        ("", {"MGNODE_DATABASE__URL": "hunter2"}),
        ('[database]\nurl = "hunter2"\n', {}),
        ('database = "hunter2"\n', {}),
        ('[database]\npassword = "hunter2"\n', {}),
        ('[database]\nurl = ["hunter2"]\n', {}),
        ("[database]\nurl = { password = 'hunter2' }\n", {}),
        ("[database\nurl = 'hunter2'\n", {}),
        ("", {"MGNODE_DATABASE__PASSWORD": "hunter2"}),
        ("", {"MGNODE_BROKER__URL": "hunter2"}),
        ("", {"MGNODE_DESTINATIONS": '{"hunter2'}),
    ],
)
def test_no_report_shows_a_secret(file: str, environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, file), environ)

    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_a_secret_is_read_from_the_file_its_variable_names(tmp_path: Path) -> None:
    secret = tmp_path / "database_url"
    secret.write_text("postgresql+psycopg://node:hunter2@db/node\n", encoding="utf-8")

    settings = load_settings(None, {"MGNODE_DATABASE__URL_FILE": str(secret)})

    assert settings.database_url == "postgresql+psycopg://node:hunter2@db/node"
    assert "hunter2" not in repr(settings)


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    environ = {
        "MGNODE_BROKER__URL": "redis://:one@two",
        "MGNODE_BROKER__URL_FILE": str(tmp_path / "two"),
    }

    assert problems_of(None, environ) == [
        "MGNODE_BROKER__URL_FILE: is set beside MGNODE_BROKER__URL; keep one of the two"
    ]


@pytest.mark.parametrize(("content", "text"), [(b"\n", "is empty"), (b"redis://\xff", "not UTF-8")])
def test_a_secret_file_without_a_text_is_a_problem(
    content: bytes, text: str, tmp_path: Path
) -> None:
    secret = tmp_path / "broker_url"
    secret.write_bytes(content)

    assert problems_of(None, {"MGNODE_BROKER__URL_FILE": str(secret)}) == [
        f"MGNODE_BROKER__URL_FILE: {secret}: {text}"
    ]


def test_only_secrets_are_read_from_files(tmp_path: Path) -> None:
    assert problems_of(None, {"MGNODE_SCP__PORT_FILE": str(tmp_path)}) == [
        "MGNODE_SCP__PORT_FILE: no setting has this variable; did you mean MGNODE_SCP__PORT?"
    ]


@pytest.mark.parametrize(
    "name",
    ["MGNODE_", "MGNODE_SCP", "MGNODE_SCP__PORT__X", "MGNODE_ROUTES__MAMMO1", "MGNODE_FILE"],
)
def test_a_variable_that_names_no_setting_is_an_error(name: str) -> None:
    assert [problem.split(":")[0] for problem in problems_of(None, {name: "1"})] == [name]


def test_variables_of_others_do_not_matter() -> None:
    assert load_settings(None, {"PATH": "/bin", "MGNODEX": "1"}) == Settings()


def test_an_empty_variable_counts_as_not_set() -> None:
    environ = {"MGNODE_DETECTOR__WEIGHTS": "", "MGNODE_SCP__PORT": "", "MGNODE_CONFIG": ""}

    assert load_settings(None, environ) == Settings()


def test_an_empty_text_in_the_file_unsets_what_may_be_unset(tmp_path: Path) -> None:
    path = write(tmp_path, '[detector]\nweights = ""\n[database]\nurl = ""\n')

    assert load_settings(path, {}) == Settings()


def test_lists_and_tables_are_json_in_a_variable() -> None:
    settings = load_settings(
        None,
        {
            "MGNODE_SCP__NETWORKS": '["10.1.0.0/16", "fd00::/8"]',
            "MGNODE_SCP__CALLING_AE_TITLES": '["MAMMO1"]',
            "MGNODE_DESTINATIONS": PACS,
            "MGNODE_ROUTES": '{"MAMMO 1": ["pacs"]}',
        },
    )

    assert [str(network) for network in settings.scp.networks] == ["10.1.0.0/16", "fd00::/8"]
    assert settings.destinations["pacs"].port == 104
    assert settings.routes == {"MAMMO 1": ("pacs",)}


def test_a_variable_may_set_one_part_of_a_destination(tmp_path: Path) -> None:
    path = write(tmp_path, '[destinations.pacs]\nae_title = "PACS"\nhost = "pacs"\nport = 104\n')

    settings = load_settings(path, {"MGNODE_DESTINATIONS__PACS__PORT": "11112"})

    assert settings.destinations["pacs"].port == 11112
    assert settings.destinations["pacs"].host == "pacs"


def test_a_whole_table_in_a_variable_replaces_the_table_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[destinations.old]\nae_title = "OLD"\nhost = "old"\nport = 104\n')

    settings = load_settings(path, {"MGNODE_DESTINATIONS": PACS})

    assert set(settings.destinations) == {"pacs"}


def test_a_part_beside_a_whole_table_changes_the_table() -> None:
    environ = {"MGNODE_DESTINATIONS": PACS, "MGNODE_DESTINATIONS__PACS__PORT": "11112"}

    assert load_settings(None, environ).destinations["pacs"].port == 11112


@pytest.mark.parametrize("text", ["[]", "1", "null", '{"pacs": 1}', '{"Pacs!": {}}'])
def test_a_table_of_the_wrong_shape_is_a_problem_not_a_crash(text: str) -> None:
    environ = {"MGNODE_DESTINATIONS": text, "MGNODE_DESTINATIONS__PACS__PORT": "1"}

    assert all(problem.startswith("destinations") for problem in problems_of(None, environ))


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "absent.toml"

    assert problems_of(path, {}) == [f"{path}: No such file or directory"]


@pytest.mark.parametrize("content", [b"scp = [", b"\xff\xfe", b"[scp]\n[scp]\n"])
def test_a_file_that_is_not_toml_is_a_problem(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mgnode.toml"
    path.write_bytes(content)

    (problem,) = problems_of(path, {})

    assert problem.startswith(f"{path}: is not TOML: ")


def test_a_route_is_checked_although_other_settings_are_wrong() -> None:
    problems = problems_of(
        None, {"MGNODE_SCP__PORT": "0", "MGNODE_ROUTES": '{"MAMMO1": ["archive"]}'}
    )

    assert len(problems) == 2


def test_networks_of_others_need_the_names_of_those_who_may_send() -> None:
    problems = problems_of(None, {"MGNODE_SCP__NETWORKS": '["127.0.0.0/8", "10.1.0.0/16"]'})

    (problem,) = problems
    assert problem.startswith("scp: networks lets other machines in (10.1.0.0/16), and ")
    assert "calling_ae_titles names nobody" in problem
