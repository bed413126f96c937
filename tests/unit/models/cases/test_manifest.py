"""A manifest is read as a whole, or all that is wrong with it is told at once."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.cases.case import (
    DENSITIES,
    KINDS,
    PATHOLOGIES,
    SIDES,
    SOURCES,
    VIEWS,
    Box,
    Case,
    CaseFinding,
)
from models.cases.manifest import ManifestError, read_manifest, write_manifest

HEADER = "image,patient,side,view,density,source,finding,pathology,x0,y0,x1,y1\n"


def written(folder: Path, *rows: str, header: str = HEADER) -> Path:
    """Write a manifest of these rows and an empty file for each image that they name."""
    for row in rows:
        image = row.split(",", maxsplit=1)[0]
        if image and "missing" not in image:
            (folder / image).parent.mkdir(parents=True, exist_ok=True)
            (folder / image).touch()
    path = folder / "manifest.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(ManifestError) as refused:
        read_manifest(path)
    return list(refused.value.problems)


def test_rows_of_one_image_make_one_case(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "films/a.png,P1,L,MLO,C,film,mass,malignant,10,20.5,110,220",
        "films/b.png,P1,L,CC,,,,,,,,",
        "films/a.png,P1,L,MLO,C,film,calcification,benign,0,0,5,7",
    )

    first, second = read_manifest(path)

    assert first == Case(
        image=tmp_path / "films/a.png",
        image_id="films/a.png",
        patient="P1",
        side="L",
        view="MLO",
        density="C",
        source="film",
        findings=(
            CaseFinding("mass", "malignant", Box(10, 20.5, 110, 220)),
            CaseFinding("calcification", "benign", Box(0, 0, 5, 7)),
        ),
    )
    assert second == Case(tmp_path / "films/b.png", "films/b.png", "P1", side="L", view="CC")


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    path = tmp_path / "manifest.csv"
    path.write_text(
        "x0,y0,x1,y1,patient,image,pathology,finding,source,density,view,side\n"
        "1,2,3,5,P1,a.png,malignant,,digital,,,R\n"
    )

    (case,) = read_manifest(path)

    assert case.boxes == ((1, 2, 3, 5),)
    assert (case.side, case.source) == ("R", "digital")


def test_a_file_of_a_spreadsheet_is_read_as_any_other(tmp_path: Path) -> None:
    """With a byte order mark, CRLF, quotes, and a blank line at the end."""
    (tmp_path / "a, b.png").touch()
    text = HEADER + '"a, b.png",Grün,L,CC,A,film,"mass",malignant, 1 ,2,3,4\n\n'
    path = tmp_path / "manifest.csv"
    path.write_bytes(codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode())

    (case,) = read_manifest(path)

    assert (case.image_id, case.patient, case.boxes) == ("a, b.png", "Grün", ((1, 2, 3, 4),))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (",P1,,,,,,,,,,", "image is empty"),
        ("a,,,,,,,,,,,", "patient is empty"),
        ("a,P1,left,,,,,,,,,", "side 'left' is not one of L, R or empty"),
        ("a,P1,L,cc,,,,,,,,", "view 'cc' is not one of CC, MLO, "),
        ("a,P1,L,CC,3,,,,,,,", "density '3' is not one of A, B, C, D or empty"),
        ("a,P1,L,CC,,scan,,,,,,", "source 'scan' is not one of film, digital or empty"),
        ("a,P1,,,,,tumour,benign,1,2,3,4", "finding 'tumour' is not one of mass, "),
        ("a,P1,,,,,mass,,1,2,3,4", "a finding has no pathology (malignant or benign)"),
        ("a,P1,,,,,mass,cancer,1,2,3,4", "pathology 'cancer' is not malignant or benign"),
        ("a,P1,,,,,,malignant,1,2,,", "a finding has no x1, y1"),
        ("a,P1,,,,,mass,malignant,,,,", "a finding has no x0, y0, x1, y1"),
        ("a,P1,,,,,mass,malignant,ten,2,3,4", "x0 'ten' is no number"),
        ("a,P1,,,,,mass,malignant,1,nan,3,4", "y0 'nan' is no number"),
        ("a,P1,,,,,mass,malignant,1,2,1_0,4", "x1 '1_0' is no number"),
        ("a,P1,,,,,mass,malignant,1,2,1e999,4", "x1 '1e999' is no number"),
        ("a,P1,,,,,mass,malignant,-1,2,3,4", "x0 -1 is negative"),
        ("a,P1,,,,,mass,malignant,9,2,3,4", "the box is inverted: x0 9 is above x1 3"),
        ("a,P1,,,,,mass,malignant,1,4,3,4", "the box is empty: y0 and y1 are both 4"),
        ("a,P1,,,", "5 fields, the first line has 12"),
        ("missing.png,P1,,,,,,,,,,", "there is no file missing.png"),
        (f"missing{'g' * 999}.png,P1,,,,,,,,,,", "there is no file missing"),
        ("missing\0.png,P1,,,,,,,,,,", "there is no file missing"),
    ],
)
def test_what_is_wrong_with_a_row_is_told_with_its_line(
    tmp_path: Path, row: str, expected: str
) -> None:
    (problem,) = problems(written(tmp_path, "good.png,P1,,,,,,,,,,", row))

    assert problem.startswith(f"line 3: {expected}")


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ("P2,L,CC,A,film", "patient 'P2', but line 2 says 'P1' of this image"),
        ("P1,R,CC,A,film", "side 'R', but line 2 says 'L' of this image"),
        ("P1,L,MLO,A,film", "view 'MLO', but line 2 says 'CC' of this image"),
        ("P1,L,CC,B,film", "density 'B', but line 2 says 'A' of this image"),
        ("P1,L,CC,A,", "source '', but line 2 says 'film' of this image"),
    ],
)
def test_an_image_has_one_patient_side_view_density_and_source(
    tmp_path: Path, about: str, expected: str
) -> None:
    first = "a,P1,L,CC,A,film,mass,malignant,1,2,3,4"

    path = written(tmp_path, first, f"a,{about},mass,malignant,5,6,7,8")

    assert problems(path) == [f"line 3: {expected}"]


def test_a_row_that_stands_there_twice_is_told(tmp_path: Path) -> None:
    row = "a,P1,,,,,mass,malignant,1,2,3,4"

    assert problems(written(tmp_path, row, row.replace("1,2", "1.0,2"))) == [
        "line 3: the same as line 2"
    ]


def test_an_image_cannot_have_a_finding_and_none(tmp_path: Path) -> None:
    path = written(tmp_path, "a,P1,,,,,,,,,,", "a,P1,,,,,mass,benign,1,2,3,4")

    assert problems(path) == ["line 3: line 2 has no finding of this image, line 3 has one"]


def test_two_spellings_of_a_path_are_one_image(tmp_path: Path) -> None:
    """Else one image could be in the training set and in the test set."""
    path = written(tmp_path, "films/a,P1,,,,,,,,,,", "films/../films/./a,P2,,,,,,,,,,")

    assert problems(path) == [
        "line 3: patient 'P2', but line 2 says 'P1' of this image",
        "line 3: the same as line 2",
    ]


def test_all_problems_are_told_at_once_by_line(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "missing.png,P1,,,,,,,,,,",
        "a.png,,X,,,,mass,,9,2,3,4",
        "a.png,P1,,,,,,,,,,",
    )

    assert problems(path) == [
        "line 2: there is no file missing.png",
        "line 3: patient is empty",
        "line 3: side 'X' is not one of L, R or empty",
        "line 3: a finding has no pathology (malignant or benign)",
        "line 3: the box is inverted: x0 9 is above x1 3",
        "line 4: patient 'P1', but line 3 says '' of this image",
        "line 4: side '', but line 3 says 'X' of this image",
    ]


def test_the_text_of_the_error_stays_readable_when_every_line_is_wrong(tmp_path: Path) -> None:
    path = written(tmp_path, *(f"missing{n},P1,,,,,,,,,," for n in range(80)))

    with pytest.raises(ManifestError) as refused:
        read_manifest(path)

    assert len(refused.value.problems) == 80
    assert str(refused.value).splitlines()[0] == f"{path}: 80 problems"
    assert str(refused.value).splitlines()[-1] == "  and 30 more"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "line 1: the file is empty; its first line must name the columns image, patient"),
        (HEADER.encode(), "line 1: there is no image in it"),
        (HEADER.replace(",", ";").encode(), "line 1: columns must be separated by commas"),
        (HEADER.replace("y0,", "").encode(), "line 1: missing columns: y0"),
        (HEADER.replace("y0", "y0,Y0").encode(), "line 1: unknown columns: 'Y0'"),
        (HEADER.replace("y0", "y0,y0").encode(), "line 1: columns that stand there twice: y0"),
        (HEADER.encode() + b"a.png,Gr\xfcn,,,,,,,,,,\n", "line 2: this is not UTF-8"),
        (HEADER.encode() + b'a.png,"P1,,,,,,,,,,\n', "line 2: this is no CSV: "),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(content)

    assert problems(path)[0].startswith(expected)


def test_a_manifest_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert problems(tmp_path / "none.csv") == ["cannot be read: No such file or directory"]


def test_a_stored_run_is_looked_at_without_its_images(tmp_path: Path) -> None:
    path = written(tmp_path, "missing.png,P1,,,,,,,,,,")

    assert [case.image_id for case in read_manifest(path, files_exist=False)] == ["missing.png"]


edges = st.one_of(st.integers(0, 5000).map(float), st.floats(0, 5000))
boxes = st.tuples(edges, edges, edges, edges).filter(lambda e: e[0] < e[2] and e[1] < e[3])
findings = st.builds(
    CaseFinding,
    st.sampled_from(KINDS),
    st.sampled_from(PATHOLOGIES),
    boxes.map(lambda e: Box(*e)),
)


@st.composite
def case_lists(draw: st.DrawFn) -> list[Case]:
    words = st.text(
        st.characters(exclude_categories=["C", "Z"], exclude_characters="/."), min_size=1
    )
    names = draw(st.lists(words.map(lambda w: f"{w}.png"), min_size=1, max_size=5, unique=True))
    return [
        Case(
            image=Path("films") / name,
            image_id=f"films/{name}",
            patient=draw(words),
            side=draw(st.sampled_from(SIDES)),
            view=draw(st.sampled_from(VIEWS)),
            density=draw(st.sampled_from(DENSITIES)),
            source=draw(st.sampled_from(SOURCES)),
            findings=tuple(draw(st.lists(findings, max_size=3, unique=True))),
        )
        for name in names
    ]


@given(case_lists())
def test_what_was_written_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, cases: list[Case]
) -> None:
    folder = tmp_path_factory.mktemp("written")
    placed = [
        Case(
            folder / c.image, c.image_id, c.patient, c.side, c.view, c.density, c.source, c.findings
        )
        for c in cases
    ]

    write_manifest(folder / "manifest.csv", placed)

    assert read_manifest(folder / "manifest.csv", files_exist=False) == tuple(placed)


def test_a_manifest_beside_its_images_names_them_from_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.png").touch()
    (tmp_path / "lists").mkdir()
    path = tmp_path / "lists" / "manifest.csv"
    finding = CaseFinding("mass", "malignant", Box(1, 2.5, 3, 4))

    write_manifest(path, [Case(tmp_path / "films" / "a.png", "a", "P1", "L", findings=(finding,))])

    assert path.read_text() == HEADER + "../films/a.png,P1,L,,,,mass,malignant,1,2.5,3,4\n"
    assert read_manifest(path)[0].image.samefile(tmp_path / "films" / "a.png")
    assert [file.name for file in path.parent.iterdir()] == ["manifest.csv"]
