"""Every transfer syntax, encoded by somebody else's encoder, against the plain pixels."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import FileDataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from node.dicom.decoders import Layout, decode
from tests.factories import make_mammogram, phantom, with_frame
from tests.requirements import program

LOSSY_TOLERANCE = 60
"""Of 4095: 1.5 % of the range, for JPEG at its encoders' default quality."""

DCMTK: dict[str, list[str]] = {
    RLELossless: ["dcmcrle"],
    JPEGLosslessSV1: ["dcmcjpeg", "+e1"],
    JPEGLossless: ["dcmcjpeg", "+el", "+sv", "6"],
    JPEGBaseline8Bit: ["dcmcjpeg", "+eb"],
    JPEGExtended12Bit: ["dcmcjpeg", "+ee"],
    JPEGLSLossless: ["dcmcjpls", "+el"],
    JPEGLSNearLossless: ["dcmcjpls", "+en", "+md", "2"],
}


def stored(image: FileDataset) -> np.ndarray:
    """Decode and undo the container: the stored values, signed where they are."""
    layout = Layout.of(image)
    samples = decode(image, layout).astype(np.int64)
    values = samples >> layout.shift & ((1 << layout.bits_stored) - 1)
    if layout.signed:
        sign = 1 << (layout.bits_stored - 1)
        values = (values ^ sign) - sign
    return values


def encoded_by_dcmtk(image: FileDataset, syntax: str, folder: Path) -> FileDataset:
    tool, *options = DCMTK[syntax]
    plain, packed = folder / "plain.dcm", folder / "packed.dcm"
    image.save_as(plain, enforce_file_format=True)
    command = [str(program(tool)), *options, str(plain), str(packed)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    found = dcmread(packed)
    assert found.file_meta.TransferSyntaxUID == syntax
    return found


def signed_image() -> FileDataset:
    image = make_mammogram(PixelRepresentation=1)
    image.PixelData = ((phantom().astype(np.int32) - 2048) & 0x0FFF).astype("<u2").tobytes()
    return image


@pytest.mark.dcmtk
@pytest.mark.parametrize("syntax", [RLELossless, JPEGLosslessSV1, JPEGLossless, JPEGLSLossless])
def test_lossless_syntaxes_of_dcmtk_are_bit_exact(syntax: str, tmp_path: Path) -> None:
    image = encoded_by_dcmtk(make_mammogram(), syntax, tmp_path)

    assert np.array_equal(stored(image), phantom())


@pytest.mark.dcmtk
@pytest.mark.parametrize("value", range(1, 8))
def test_every_predictor_of_jpeg_lossless_is_bit_exact(value: int, tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.dcm", tmp_path / "packed.dcm"
    make_mammogram().save_as(plain, enforce_file_format=True)
    command = [str(program("dcmcjpeg")), "+el", "+sv", str(value), str(plain), str(packed)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)

    assert np.array_equal(stored(dcmread(packed)), phantom())


@pytest.mark.dcmtk
@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_signed_pixels_are_bit_exact(syntax: str, tmp_path: Path) -> None:
    image = encoded_by_dcmtk(signed_image(), syntax, tmp_path)

    assert np.array_equal(stored(image), phantom().astype(np.int64) - 2048)


@pytest.mark.dcmtk
@pytest.mark.parametrize(
    ("syntax", "tolerance"), [(JPEGExtended12Bit, LOSSY_TOLERANCE), (JPEGLSNearLossless, 2)]
)
def test_lossy_syntaxes_of_dcmtk_are_within_tolerance(
    syntax: str, tolerance: int, tmp_path: Path
) -> None:
    image = encoded_by_dcmtk(make_mammogram(), syntax, tmp_path)

    difference = np.abs(stored(image) - phantom())

    assert 0 < difference.max() <= tolerance


def image_of_8_bits() -> FileDataset:
    image = make_mammogram(BitsAllocated=8, BitsStored=8, HighBit=7)
    image.add_new("PixelData", "OB", (phantom() >> 4).astype(np.uint8).tobytes() + b"\0")
    return image


@pytest.mark.dcmtk
@pytest.mark.parametrize(
    ("make", "syntax"),
    [(image_of_8_bits, JPEGBaseline8Bit), (make_mammogram, JPEGExtended12Bit)],
)
def test_lossy_jpeg_is_what_dcmtk_decodes(
    make: Callable[[], FileDataset], syntax: str, tmp_path: Path
) -> None:
    """Neither GDCM nor Pillow reads the 12-bit one; two inverse DCTs may round differently."""
    packed = encoded_by_dcmtk(make(), syntax, tmp_path)
    command = [str(program("dcmdjpeg")), str(tmp_path / "packed.dcm"), str(tmp_path / "back.dcm")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)

    expected = stored(dcmread(tmp_path / "back.dcm"))

    assert np.abs(stored(packed) - expected).max() <= 1


@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        DeflatedExplicitVRLittleEndian,
        ExplicitVRBigEndian,
    ],
)
def test_native_syntaxes_are_bit_exact_after_a_round_trip(syntax: str, tmp_path: Path) -> None:
    path = tmp_path / "image.dcm"
    make_mammogram(transfer_syntax=syntax).save_as(path, enforce_file_format=True)

    assert np.array_equal(stored(dcmread(path)), phantom())


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, RLELossless])
def test_what_pydicom_encodes_is_bit_exact(syntax: str) -> None:
    image = make_mammogram()
    image.compress(UID(syntax), generate_instance_uid=False)

    assert np.array_equal(stored(image), phantom())


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2KLosslessRPCL])
def test_htj2k_of_openjph_is_bit_exact(syntax: str) -> None:
    frame = imagecodecs.htj2k_encode(phantom())

    assert np.array_equal(stored(with_frame(syntax, frame)), phantom())


@pytest.mark.parametrize(
    ("syntax", "frame"),
    [
        (JPEG2000, imagecodecs.jpeg2k_encode(phantom(), level=100, codecformat="j2k")),
        (HTJ2K, imagecodecs.htj2k_encode(phantom(), level=0.0001)),
    ],
)
def test_lossy_wavelets_are_within_tolerance(syntax: str, frame: bytes) -> None:
    difference = np.abs(stored(with_frame(syntax, frame)) - phantom())

    assert difference.max() <= LOSSY_TOLERANCE


def test_lossy_overshoot_is_cut_and_does_not_wrap_to_black() -> None:
    """A codestream of 16 bits may hold 4100 where Bits Stored is 12."""
    pixels = phantom()
    pixels[100:200, 100:200] = 4200
    frame = imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k")

    found = stored(with_frame(JPEG2000, frame))

    assert found[100:200, 100:200].min() == 4095


@pytest.mark.parametrize(
    "name",
    [
        "693_J2KI.dcm",
        "J2K_pixelrep_mismatch.dcm",
        "JPEG2000.dcm",
        "JPEGLSNearLossless_16.dcm",
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "examples_overlay.dcm",
        "image_dfl.dcm",
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's own, of its test files
def test_files_of_other_makers_decode_as_pydicom_does(name: str) -> None:
    image = dcmread(get_testdata_file(name))

    assert np.array_equal(stored(image), image.pixel_array)


@pytest.mark.parametrize(
    "name",
    [
        "ExplVR_BigEnd.dcm",
        "GDCMJ2K_TextGBR.dcm",
        "SC_jpeg_no_color_transform.dcm",
        "SC_rgb_dcmtk_+eb+cr.dcm",
        "SC_rgb_dcmtk_+eb+cy+n2.dcm",
        "SC_rgb_dcmtk_+eb+cy+s4.dcm",
        "SC_rgb_gdcm_KY.dcm",
        "SC_rgb_jls_lossy_line.dcm",
        "SC_rgb_jpeg_app14_dcmd.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
        "SC_rgb_rle.dcm",
        "SC_rgb_rle_16bit.dcm",
        "SC_rgb_small_odd.dcm",
        "SC_rgb_small_odd_big_endian.dcm",
        "examples_jpeg2k.dcm",
        "examples_rgb_color.dcm",
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's own, of its test files
def test_colours_become_their_luminance(name: str) -> None:
    image = dcmread(get_testdata_file(name))
    red, green, blue = np.moveaxis(image.pixel_array.astype(np.int64), -1, 0)

    luminance = decode(image, Layout.of(image))

    assert np.array_equal(luminance, (299 * red + 587 * green + 114 * blue + 500) // 1000)


def test_12_bit_jpeg_extended_of_another_maker_decodes() -> None:
    image = dcmread(get_testdata_file("JPEG-lossy.dcm"))

    assert stored(image).shape == (1024, 256)
    assert stored(image).max() == 264


def test_colour_by_plane_is_the_colour_by_pixel() -> None:
    image = dcmread(get_testdata_file("SC_rgb_small_odd.dcm"))
    by_pixel = decode(image, Layout.of(image))
    planes = np.frombuffer(image.PixelData, np.uint8, 27).reshape(3, 3, 3).transpose(2, 0, 1)
    image.PixelData = planes.tobytes() + b"\0"
    image.PlanarConfiguration = 1

    assert np.array_equal(decode(image, Layout.of(image)), by_pixel)


def test_two_fragments_make_one_frame() -> None:
    frame = imagecodecs.jpegls_encode(phantom())
    image = with_frame(JPEGLSLossless, frame)
    image.PixelData = encapsulate([frame], fragments_per_frame=3)

    assert np.array_equal(stored(image), phantom())


def test_a_native_image_is_a_view_without_a_copy() -> None:
    image = make_mammogram()

    samples = decode(image, Layout.of(image))

    assert samples.base is not None
    assert not samples.flags.writeable
