from __future__ import annotations

from node.scu.query import Instance, identifier_of


def test_a_query_has_the_three_unique_keys_and_its_level_and_nothing_else() -> None:
    """PS3.4 C.4.1.1.3.1: with every unique key above the level, a single value each."""
    identifier = identifier_of(Instance("2.25.1", "2.25.2", "2.25.3"))

    assert {element.keyword: str(element.value) for element in identifier} == {
        "QueryRetrieveLevel": "IMAGE",
        "StudyInstanceUID": "2.25.1",
        "SeriesInstanceUID": "2.25.2",
        "SOPInstanceUID": "2.25.3",
    }
