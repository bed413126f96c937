"""Write each form of our results once for all validators."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.contract.forms import FORMS, PARTIAL_FORMS, Form, write_form
from tests.contract.studies import STUDIES, write_study
from tests.contract.written import StudyFiles


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


@pytest.fixture(scope="session")
def files_named(
    form_named: Callable[[str], Form], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], StudyFiles]:
    """Give the files of a form or of a synthetic study by its name."""

    @cache
    def write(name: str) -> StudyFiles:
        if name not in STUDIES:
            return form_named(name)
        return write_study(name, tmp_path_factory.mktemp(name.replace(" ", "_")))

    return write


@pytest.fixture(params=[*FORMS, *PARTIAL_FORMS, *STUDIES])
def files(request: pytest.FixtureRequest, files_named: Callable[[str], StudyFiles]) -> StudyFiles:
    """Give every form and every synthetic study in turn."""
    return files_named(request.param)


@pytest.fixture(params=[*FORMS, *STUDIES])
def reported(
    request: pytest.FixtureRequest, files_named: Callable[[str], StudyFiles]
) -> StudyFiles:
    """Give those that have a measurement report."""
    return files_named(request.param)
