"""The deployment, read once for all of its tests."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.deploy.composition import DEPLOY, composed


@pytest.fixture(scope="session")
def services() -> dict[str, Any]:
    """Give every service of docker-compose.yml, in every profile."""
    found: dict[str, Any] = composed("cpu", "gpu", "demo")["services"]
    return found


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that deploy/make-secrets makes."""
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    subprocess.run([str(DEPLOY / "make-secrets"), str(folder)], check=True, capture_output=True)
    return folder
