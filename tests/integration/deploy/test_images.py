"""The Dockerfiles build what docker-compose.yml runs."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.integration.deploy.composition import DEPLOY, OURS, ROOT, parse


@pytest.mark.compose
def test_every_image_of_ours_is_built_from_a_dockerfile_that_exists(
    services: dict[str, Any],
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name in OURS:
        build = services[name]["build"]
        assert (ROOT / build["dockerfile"]).exists(), name
        assert build.get("args", {}).get("EXTRA", "cpu") in project["optional-dependencies"], name
        assert services[name]["image"].endswith(f":{project['version']}"), name


@pytest.mark.compose
def test_no_image_names_a_registry(services: dict[str, Any]) -> None:
    images = [service["image"] for service in services.values()]
    for dockerfile in DEPLOY.glob("Dockerfile.*"):
        images += re.findall(r"^FROM (\S+)", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)

    assert [image for image in images if "." in image.split("/")[0].split(":")[0]] == []


@pytest.mark.parametrize("dockerfile", sorted(DEPLOY.glob("Dockerfile.*")), ids=lambda p: p.name)
def test_a_dockerfile_copies_what_exists_and_ends_as_the_same_user(dockerfile: Path) -> None:
    text = dockerfile.read_text(encoding="utf-8")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for source in line.split():
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored, source

    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001:10001"]
    assert "-c constraints.txt" in text
    (command,) = re.findall(r"^CMD (.+)$", text, re.MULTILINE)
    parse(json.loads(command)[1:])
