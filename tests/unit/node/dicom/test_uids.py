"""UIDs are derived, legal and never shared by two keys."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from node.dicom.uids import IMPLEMENTATION_CLASS_UID, derive
from tests.results import NAMESPACE


def test_a_key_gives_its_uid_on_every_machine_and_in_every_version() -> None:
    """UUIDv5 of a fixed name: a change here would double every result in an archive."""
    assert derive(NAMESPACE, "series", "1.2") == "2.25.172686327888006644215542250239886738757"


def test_two_installations_derive_two_uids() -> None:
    assert derive(NAMESPACE, "a") != derive(UUID(int=1), "a")


def test_the_borders_between_parts_count() -> None:
    assert derive(NAMESPACE, "ab", "c") != derive(NAMESPACE, "a", "bc")
    assert derive(NAMESPACE, "a", "") != derive(NAMESPACE, "a")
    assert derive(NAMESPACE, "1:a") != derive(NAMESPACE, "1", "a")


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_every_uid_is_legal_and_short(key: list[str]) -> None:
    uid = derive(NAMESPACE, *key)

    assert UID(uid).is_valid
    assert len(uid) <= 44


@given(
    st.lists(st.text(alphabet="1:a", max_size=4), min_size=1, max_size=4),
    st.lists(st.text(alphabet="1:a", max_size=4), min_size=1, max_size=4),
)
def test_different_keys_give_different_uids(one: list[str], other: list[str]) -> None:
    assert (derive(NAMESPACE, *one) == derive(NAMESPACE, *other)) == (one == other)


def test_a_uid_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        derive(NAMESPACE)


def test_the_implementation_class_uid_is_legal() -> None:
    assert UID(IMPLEMENTATION_CLASS_UID).is_valid
