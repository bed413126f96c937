from __future__ import annotations

import pytest
from pydicom.uid import UID

from node.dicom.decoders import CODECS
from node.dicom.sop_classes import STORAGE_SOP_CLASSES, TRANSFER_SYNTAXES, Look

# The table of what the node accepts, written down a second time.
STORAGE = {
    "1.2.840.10008.5.1.4.1.1.1.2": Look.YES,  # Digital Mammography, For Presentation
    "1.2.840.10008.5.1.4.1.1.1.2.1": Look.NEVER,  # ... For Processing
    "1.2.840.10008.5.1.4.1.1.1.1": Look.IF_BREAST,  # Digital X-Ray, For Presentation
    "1.2.840.10008.5.1.4.1.1.1.1.1": Look.NEVER,  # ... For Processing
    "1.2.840.10008.5.1.4.1.1.1": Look.IF_BREAST,  # Computed Radiography
    "1.2.840.10008.5.1.4.1.1.7": Look.IF_BREAST,  # Secondary Capture
    "1.2.840.10008.5.1.4.1.1.7.2": Look.IF_BREAST,  # ... Multi-frame Grayscale Byte
    "1.2.840.10008.5.1.4.1.1.7.3": Look.IF_BREAST,  # ... Multi-frame Grayscale Word
    "1.2.840.10008.5.1.4.1.1.13.1.3": Look.NEVER,  # Breast Tomosynthesis
    "1.2.840.10008.5.1.4.1.1.13.1.4": Look.NEVER,  # Breast Projection, For Presentation
    "1.2.840.10008.5.1.4.1.1.13.1.5": Look.NEVER,  # ... For Processing
    "1.2.840.10008.5.1.4.1.1.88.50": Look.NEVER,  # Mammography CAD SR
    "1.2.840.10008.5.1.4.1.1.88.59": Look.NEVER,  # Key Object Selection
    "1.2.840.10008.5.1.4.1.1.11.1": Look.NEVER,  # Grayscale Softcopy Presentation State
}
# UID -> (encapsulated, can be lossy)
SYNTAXES = {
    "1.2.840.10008.1.2": False,
    "1.2.840.10008.1.2.1": False,
    "1.2.840.10008.1.2.1.99": False,
    "1.2.840.10008.1.2.2": False,
    "1.2.840.10008.1.2.5": True,
    "1.2.840.10008.1.2.4.50": True,
    "1.2.840.10008.1.2.4.51": True,
    "1.2.840.10008.1.2.4.57": True,
    "1.2.840.10008.1.2.4.70": True,
    "1.2.840.10008.1.2.4.80": True,
    "1.2.840.10008.1.2.4.81": True,
    "1.2.840.10008.1.2.4.90": True,
    "1.2.840.10008.1.2.4.91": True,
    "1.2.840.10008.1.2.4.201": True,
    "1.2.840.10008.1.2.4.202": True,
    "1.2.840.10008.1.2.4.203": True,
}


def test_the_storage_classes_are_those_of_the_table() -> None:
    assert {name: row.look for name, row in STORAGE_SOP_CLASSES.items()} == STORAGE


def test_the_transfer_syntaxes_are_those_of_the_table() -> None:
    assert {name: row.encapsulated for name, row in TRANSFER_SYNTAXES.items()} == SYNTAXES


@pytest.mark.parametrize("name", [*STORAGE_SOP_CLASSES, *TRANSFER_SYNTAXES])
def test_every_row_is_registered_and_says_where_it_is_defined(name: str) -> None:
    row = STORAGE_SOP_CLASSES.get(name) or TRANSFER_SYNTAXES[name]

    assert row.name == UID(name).name
    assert row.source.startswith("PS3.")


def test_every_encapsulated_syntax_but_rle_has_a_codec() -> None:
    encapsulated = {row.uid for row in TRANSFER_SYNTAXES.values() if row.encapsulated}

    assert encapsulated - set(CODECS) == {"1.2.840.10008.1.2.5"}
