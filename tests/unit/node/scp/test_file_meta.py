from __future__ import annotations

import io

import pytest
from pydicom.filereader import read_file_meta_info, read_preamble

from node.scp.file_meta import part10_head


@pytest.mark.parametrize("instance", ["1.2.3", "1.2.34", "9" * 64])
def test_pydicom_reads_the_head_we_write(
    tmp_path_factory: pytest.TempPathFactory, instance: str
) -> None:
    head = part10_head(
        sop_class="1.2.840.10008.5.1.4.1.1.1.2",
        sop_instance=instance,
        transfer_syntax="1.2.840.10008.1.2.1",
    )
    path = tmp_path_factory.mktemp("head") / "head.dcm"
    path.write_bytes(head)

    meta = read_file_meta_info(path)

    assert read_preamble(io.BytesIO(head), force=False) == bytes(128)
    assert meta.MediaStorageSOPInstanceUID == instance
    assert meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.1.2"
    assert meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert meta.FileMetaInformationVersion == b"\0\1"
    # From the end of (0002,0000) to the end of the head: 128 + 4 + 12.
    assert meta.FileMetaInformationGroupLength == len(head) - 144


def test_a_uid_with_a_leading_zero_is_written_as_it_came() -> None:
    """No UID by PS3.5 9.1, and pydicom warns; modalities send them all the same."""
    head = part10_head(sop_class="1.2", sop_instance="2.25.0012", transfer_syntax="1.2")

    assert b"\x02\x00\x03\x00UI\x0a\x002.25.0012\0" in head
