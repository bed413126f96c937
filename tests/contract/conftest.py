"""Write each form of our results once for all validators."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.contract.forms import FORMS, Form, write_form


@pytest.fixture(scope="session")
def form_named(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Form]:
    """Give a form's files by its name, written when somebody first asks for them."""

    @cache
    def write(name: str) -> Form:
        return write_form(name, tmp_path_factory.mktemp(name))

    return write


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest, form_named: Callable[[str], Form]) -> Form:
    """Give every form in turn."""
    return form_named(request.param)
