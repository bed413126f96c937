"""Which images of a study belong together, written down by hand and held as a property."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from node.dicom.identity import check_same_identity
from node.dicom.separation import Parts, parts
from node.errors import IdentityConflict

STUDY = "1.2.3"
ANNA, BERTA = {"PatientID": "A", "PatientName": "Anna"}, {"PatientID": "B", "PatientName": "Berta"}


def header(**attributes: Any) -> Dataset:
    made = Dataset()
    made.StudyInstanceUID = STUDY
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


@pytest.mark.parametrize(
    ("said", "disputed", "groups", "nobodys"),
    [
        ([ANNA, ANNA], (), [(0, 1)], ()),
        ([{}, {}], (), [(0, 1)], ()),
        ([ANNA, {}], (), [(0, 1)], ()),
        ([ANNA, {"PatientID": "A"}, {"PatientName": "Anna"}], (), [(0, 1, 2)], ()),
        ([ANNA, BERTA], ("PatientID", "PatientName group 1"), [(0,), (1,)], ()),
        ([ANNA, BERTA, ANNA], ("PatientID", "PatientName group 1"), [(0, 2), (1,)], ()),
        # Says less, and fits one of the two alone.
        ([ANNA, BERTA, {"PatientID": "A"}], ..., [(0, 2), (1,)], ()),
        # Fits both: a group of its own, each of them.
        (
            [{**ANNA, "AccessionNumber": "1"}, {**ANNA, "AccessionNumber": "2"}, ANNA, ANNA],
            ("AccessionNumber",),
            [(0,), (1,), (2,), (3,)],
            (),
        ),
        # Says nothing of whose it is.
        ([ANNA, {}, BERTA], ..., [(0,), (2,)], (1,)),
        # The middle one links what cannot be one.
        (
            [{"PatientName": "Anna"}, {"PatientID": "A"}, {**ANNA, "PatientName": "Berta"}],
            ("PatientName group 1",),
            [(0,), (1,), (2,)],
            (),
        ),
    ],
)
def test_images_are_parted_by_what_they_say(
    said: list[dict[str, str]], disputed: Any, groups: list[tuple[int, ...]], nobodys: Any
) -> None:
    found = parts([header(**one) for one in said])

    assert (list(found.groups), found.nobodys) == (groups, nobodys)
    if disputed is not ...:
        assert found.disputed == disputed


SAID = st.fixed_dictionaries(
    {},
    optional={
        "PatientID": st.sampled_from("AB"),
        "PatientName": st.sampled_from(["Anna", "Berta"]),
        "AccessionNumber": st.sampled_from("12"),
    },
)


@given(st.lists(SAID, min_size=1, max_size=6))
def test_every_image_has_one_place_and_no_group_holds_two_identities(
    said: list[dict[str, str]],
) -> None:
    headers = [header(**one) for one in said]

    found = parts(headers)

    places = sorted([place for group in found.groups for place in group] + list(found.nobodys))
    assert places == list(range(len(said)))
    for group in found.groups:
        check_same_identity([headers[place] for place in group])
    if found.disputed:
        with pytest.raises(IdentityConflict):
            check_same_identity(headers)
    else:
        assert len(found.groups) == 1


@given(st.lists(SAID, min_size=2, max_size=4))
def test_the_order_in_which_images_came_does_not_matter(said: list[dict[str, str]]) -> None:
    def groups(order: tuple[int, ...]) -> set[frozenset[int]]:
        found: Parts = parts([header(**said[place]) for place in order])
        return {frozenset(order[place] for place in group) for group in found.groups}

    first = groups(tuple(range(len(said))))
    assert all(groups(order) == first for order in permutations(range(len(said))))
