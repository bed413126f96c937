"""docker-compose.yml says only what the code knows."""

from __future__ import annotations

import json
import re
import subprocess
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from config.loading import load_settings
from tests.integration.deploy.composition import (
    DEPLOY,
    ENDING,
    OURS,
    composed,
    environment_of,
    parse,
    port_of,
    settings_in,
)
from tests.requirements import program

PROFILES = [(), ("cpu",), ("gpu",), ("cpu", "demo"), ("cpu", "gpu", "demo")]
ALWAYS = {"audit-key", "migrate", "scp", "dispatch", "worker-network", "postgres", "valkey"}


@pytest.mark.compose
@pytest.mark.parametrize("profiles", PROFILES, ids=lambda names: "+".join(names) or "none")
def test_every_profile_is_a_file_that_compose_takes(profiles: tuple[str, ...]) -> None:
    composed(*profiles)


@pytest.mark.compose
def test_the_profiles_add_what_they_promise(services: dict[str, Any]) -> None:
    profiles = {name: tuple(service.get("profiles", ())) for name, service in services.items()}

    assert {name for name, names in profiles.items() if not names} == ALWAYS
    assert profiles["worker-cpu"] == ("cpu",)
    assert profiles["worker-gpu"] == ("gpu",)
    assert profiles["orthanc"] == ("demo",)


@pytest.mark.compose
@pytest.mark.parametrize("name", OURS)
def test_every_command_and_health_check_is_one_of_mgnode(
    name: str, services: dict[str, Any]
) -> None:
    service = services[name]
    lines = [service["command"]]
    if name not in ENDING:  # the others wait for their exit status
        lines.append(service["healthcheck"]["test"][1:])

    for program_name, *arguments in lines:
        assert program_name == "mgnode"
        parse(arguments)


@pytest.mark.parametrize("line", ["workers", "worker painting", "db", "serve --prot 1"])
def test_a_command_that_does_not_exist_would_be_found(line: str) -> None:
    # Typer keeps its parser's exceptions to itself: any of them is a refusal, as is ours.
    with pytest.raises(Exception, match=r"no command|wants a command|painting|--prot"):
        parse(line.split())


@pytest.mark.compose
@pytest.mark.parametrize("name", sorted({*OURS} - {"audit-key"}))
def test_the_settings_of_every_service_hold(
    name: str, services: dict[str, Any], secrets: Path
) -> None:
    settings = settings_in(services[name], secrets)

    assert settings.storage.root == Path("/var/lib/mgnode")
    assert make_url(settings.database_url).host == "postgres"
    if name != "migrate":  # it puts nothing into the broker
        assert settings.broker_url.endswith("@valkey:6379/0")


@pytest.mark.compose
@pytest.mark.parametrize("name", OURS)
def test_a_service_gets_the_secrets_that_its_settings_name_and_no_other(
    name: str, services: dict[str, Any]
) -> None:
    service = services[name]
    named = {
        value.removeprefix("/run/secrets/")
        for value in service["environment"].values()
        if value.startswith("/run/secrets/")
    }

    assert {secret["source"] for secret in service["secrets"]} == named


@pytest.mark.compose
def test_the_owner_of_the_tables_migrates_and_another_role_works(
    services: dict[str, Any], secrets: Path
) -> None:
    users = {
        name: make_url(settings_in(services[name], secrets).database_url).username
        for name in {*OURS} - {"audit-key"}
    }
    (_, role) = services["migrate"]["command"][-2:]

    assert users.pop("migrate") == services["postgres"]["environment"]["POSTGRES_USER"]
    assert set(users.values()) == {role}


@pytest.mark.compose
def test_the_published_port_is_the_one_the_scp_listens_on(
    services: dict[str, Any], secrets: Path
) -> None:
    settings = settings_in(services["scp"], secrets)

    (port,) = services["scp"]["ports"]

    assert port_of(port) == settings.scp.port
    assert settings.scp.host == "0.0.0.0"


@pytest.mark.compose
def test_nothing_but_the_dicom_port_and_the_demonstration_is_published(
    services: dict[str, Any],
) -> None:
    published = {name for name, service in services.items() if service.get("ports")}

    assert published == {"scp", "orthanc"}
    for name in published:
        assert all("127.0.0.1" in str(port) for port in services[name]["ports"])


@pytest.mark.compose
def test_the_hosts_own_network_may_associate(services: dict[str, Any], secrets: Path) -> None:
    settings = settings_in(services["scp"], secrets)
    (subnet,) = composed()["networks"]["dicom"]["ipam"]["config"]

    assert ip_network(subnet["subnet"]) in settings.scp.networks
    assert all(network.is_private for network in settings.scp.networks)


@pytest.mark.compose
def test_the_demonstration_pacs_is_the_destination(services: dict[str, Any], secrets: Path) -> None:
    settings = settings_in(services["worker-network"], secrets)
    orthanc = json.loads((DEPLOY / "orthanc.json").read_text(encoding="utf-8"))
    destination = settings.destinations["pacs"]

    assert destination.host in services
    assert destination.ae_title == orthanc["DicomAet"]
    assert destination.port == orthanc["DicomPort"]
    assert {port_of(port) for port in services["orthanc"]["ports"]} == {
        orthanc["DicomPort"],
        orthanc["HttpPort"],
    }
    assert orthanc["DicomModalities"]["mgnode"] == {
        "AET": settings.scp.ae_title,
        "Host": "scp",
        "Port": settings.scp.port,
    }


@pytest.mark.orthanc
def test_orthanc_knows_every_key_of_its_configuration(tmp_path: Path) -> None:
    defaults = tmp_path / "defaults.json"
    subprocess.run([str(program("Orthanc")), f"--config={defaults}"], check=True)
    known = set(re.findall(r'"(\w+)"\s*:', defaults.read_text(encoding="utf-8")))

    assert set(json.loads((DEPLOY / "orthanc.json").read_text(encoding="utf-8"))) <= known


@pytest.mark.compose
def test_every_container_is_closed_as_far_as_it_can_be(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert int(service["user"].split(":")[0]) > 0, name
        assert "mem_limit" in service, name
        assert "pids_limit" in service, name
        assert not {"privileged", "network_mode", "pid", "ipc", "devices"} & set(service), name
        assert "healthcheck" in service or name in ENDING, name


def in_bytes(size: str) -> int:
    """Read 400mb or 512m, or what compose made of it."""
    number, unit = re.fullmatch(r"(\d+)(m?)b?", str(size).lower()).groups()  # type: ignore[union-attr]
    return int(number) * (1 << 20 if unit else 1)


@pytest.mark.compose
def test_the_broker_is_full_before_the_kernel_kills_it_and_never_drops_a_message(
    services: dict[str, Any],
) -> None:
    command = services["valkey"]["command"]
    options = dict(zip(command[2::2], command[3::2], strict=True))

    assert in_bytes(options["--maxmemory"]) < in_bytes(services["valkey"]["mem_limit"])
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--appendonly"] == "yes"


@pytest.mark.compose
def test_the_gpu_worker_keeps_its_compiled_kernels_in_a_volume_of_its_own(
    services: dict[str, Any],
) -> None:
    worker = services["worker-gpu"]
    mounted = {str(volume["target"]): volume for volume in map(as_mount, worker["volumes"])}
    cache = worker["environment"]["CUDA_CACHE_PATH"]
    dockerfile = (DEPLOY / "Dockerfile.worker").read_text(encoding="utf-8")

    assert mounted[cache]["source"] == "cuda"
    assert re.search(rf"install -d -o mgnode .*{cache}\b", dockerfile), "its user may write it"
    assert set(mounted) - {cache} == {
        str(as_mount(volume)["target"]) for volume in services["worker-cpu"]["volumes"]
    }


@pytest.mark.compose
def test_the_key_of_the_audit_log_is_where_dispatch_signs_and_nowhere_else(
    services: dict[str, Any], secrets: Path
) -> None:
    holders = {
        name: volume
        for name, service in services.items()
        for volume in service.get("volumes", ())
        if as_mount(volume)["source"] == "audit-keys"
    }
    keys = {name: settings_in(services[name], secrets).audit.key for name in holders}
    folder = Path(as_mount(holders["dispatch"])["target"])
    dockerfile = (DEPLOY / "Dockerfile.node").read_text(encoding="utf-8")

    assert set(holders) == {"audit-key", "dispatch"}
    assert as_mount(holders["dispatch"])["read_only"]
    assert set(keys.values()) == {folder / "audit.pem"}
    assert re.search(rf"install -d -o mgnode .*{folder}\b", dockerfile), "its user may write it"
    assert services["audit-key"]["secrets"] == []


@pytest.mark.compose
def test_with_tls_its_port_is_published_and_its_files_are_where_the_settings_look(
    tmp_path: Path, services: dict[str, Any], secrets: Path
) -> None:
    """As a person would do it: take the lines of deploy/mgnode.toml out of their comments."""
    text = (DEPLOY / "mgnode.toml").read_text(encoding="utf-8")
    edited = tmp_path / "mgnode.toml"
    edited.write_text(re.sub(r"^#(?=[\[a-z])", "", text, flags=re.MULTILINE), encoding="utf-8")
    environ = environment_of(services["scp"], secrets)
    settings = load_settings(edited, environ)
    secured = composed("cpu", "gpu", "demo", also="docker-compose.tls.yml")["services"]

    assert settings.scp.tls.mode == "beside"
    assert settings.destinations["pacs"].tls.enabled
    ports = {port_of(port) for port in secured["scp"]["ports"]}
    assert ports == {settings.scp.port, settings.scp.tls.port}
    mounted = {
        name: as_mount(volume)["target"]
        for name, service in secured.items()
        for volume in service.get("volumes", ())
        if as_mount(volume)["source"] == str(DEPLOY / "tls")
    }
    assert set(mounted) == {"scp", "worker-network"}
    for tls in (settings.scp.tls, settings.destinations["pacs"].tls):
        assert tls.certificate is not None
        assert str(tls.certificate.parent) == mounted["scp"]


def as_mount(volume: Any) -> dict[str, Any]:
    """Read a volume, in the short form or in the long one that newer versions print."""
    if isinstance(volume, dict):
        return volume
    source, target, mode = volume.split(":")
    return {"source": source, "target": target, "read_only": mode == "ro"}


@pytest.mark.compose
def test_only_those_who_speak_dicom_reach_the_outside(services: dict[str, Any]) -> None:
    assert composed()["networks"]["data"]["internal"] is True
    outside = {name for name, service in services.items() if "dicom" in service["networks"]}

    assert outside == {"scp", "worker-network", "orthanc"}


@pytest.mark.compose
def test_every_process_waits_for_the_schema_and_the_broker(services: dict[str, Any]) -> None:
    ended = {"condition": "service_completed_successfully"}
    for name in {*OURS} - {*ENDING}:
        assert services[name]["depends_on"] == {
            "migrate": ended,
            "valkey": {"condition": "service_healthy"},
            **({"audit-key": ended} if name == "dispatch" else {}),
        }
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
