"""Models in the registry: whole or absent, found by name, removed for good."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import NotFinite, UnreadableWeights, WrongArchitecture
from models.registry.errors import AlreadyInstalled, DamagedRecord, NotInstalled, Refused
from models.registry.folder import find, installed, names, register, remove
from models.registry.record import RECORD
from models.spec import SPECS
from tests.tiny_weights import CARD, REGISTERED_AT, register_tiny, tiny_spec, write_tiny

REPOSITORY = Path(__file__).resolve().parents[4]

needs_tensorflow = pytest.mark.tensorflow


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


def own(root: Path) -> list[str]:
    return [model.name for model in installed(root) if not model.is_bundled]


@needs_tensorflow
def test_a_registered_model_is_found_as_it_was_given(root: Path) -> None:
    model = register_tiny(root, score_threshold=0.42, max_boxes=3)

    found = find(root, "tiny")

    assert found == model
    assert (found.spec.score_threshold, found.spec.max_boxes) == (0.42, 3)
    assert found.registered_at == REGISTERED_AT
    assert found.card == CARD
    assert found.sha256 == hashlib.sha256(found.weights.read_bytes()).hexdigest()
    assert found.size == found.weights.stat().st_size
    assert found.form == "weights only"
    assert found.version == f"1+{found.sha256[:12]}"
    assert found.source.endswith("given-tiny-7.h5")
    assert own(root) == names(root) == ["tiny"]


@needs_tensorflow
def test_what_every_result_says_of_a_model_comes_from_its_card(root: Path) -> None:
    model = register_tiny(root, statement="What its parent is for.")

    assert model.spec.statement == "Tests of the registry. Not for diagnosis. It is small."


@needs_tensorflow
def test_files_and_folders_are_the_owners_alone(root: Path) -> None:
    model = register_tiny(root)

    assert {path.stat().st_mode & 0o777 for path in model.weights.parent.iterdir()} == {0o600}
    assert model.weights.parent.stat().st_mode & 0o777 == 0o700


@needs_tensorflow
def test_the_same_weights_again_change_nothing(root: Path) -> None:
    first = register_tiny(root)
    before = (root / "tiny" / RECORD).stat()

    again = register_tiny(root)

    after = (root / "tiny" / RECORD).stat()
    assert again == first
    # Not the time of access: looking into the record may change it.
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@needs_tensorflow
def test_other_weights_do_not_take_a_name(root: Path) -> None:
    first = register_tiny(root, seed=1)

    with pytest.raises(AlreadyInstalled, match=r"mgnode model remove tiny.*another --name"):
        register_tiny(root, seed=2)

    assert find(root, "tiny") == first


@needs_tensorflow
def test_two_imports_at_once_leave_one_whole_model(tmp_path: Path) -> None:
    """Each in a process of its own; whoever comes second is told so."""
    program = (
        "import sys; from pathlib import Path; from tests.tiny_weights import register_tiny; "
        "register_tiny(Path(sys.argv[1]), seed=int(sys.argv[2]))"
    )
    root = tmp_path / "models"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(root), seed],
            cwd=REPOSITORY,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]

    ends = [process.communicate(timeout=120)[1] for process in processes]

    won = [process.returncode == 0 for process in processes]
    assert sorted(won) == [False, True], ends
    assert "AlreadyInstalled" in ends[won.index(False)]
    model = find(root, "tiny")
    assert hashlib.sha256(model.weights.read_bytes()).hexdigest() == model.sha256
    assert [path.name for path in root.iterdir()] == ["tiny"]


@needs_tensorflow
@pytest.mark.parametrize("step", ["copy_new", "write_new", "sync_folder"])
def test_an_import_that_breaks_off_leaves_nothing_to_be_found(
    step: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = write_tiny(tmp_path / "w.h5")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"models.registry.durable.{step}", fail)
        with pytest.raises(OSError, match="No space left"):
            register(root, tiny_spec(), given, CARD, now=REGISTERED_AT)

    assert own(root) == []
    assert [path for path in root.glob("*") if path.is_file()] == []
    assert register(root, tiny_spec(), given, CARD, now=REGISTERED_AT).name == "tiny"


@needs_tensorflow
def test_a_removed_model_leaves_no_file(root: Path) -> None:
    register_tiny(root)
    register_tiny(root, "other")

    remove(root, "tiny")

    assert own(root) == ["other"]
    assert [path.name for path in root.iterdir()] == ["other"]
    with pytest.raises(NotInstalled):
        find(root, "tiny")


@pytest.mark.parametrize("name", ["tiny", "..", ".", "../models", "", "A"])
def test_what_is_no_model_is_not_removed(name: str, root: Path) -> None:
    root.mkdir(parents=True)
    (root / "tiny.h5").write_bytes(b"kept")

    with pytest.raises(NotInstalled, match="mgnode model list"):
        remove(root, name)

    assert (root / "tiny.h5").read_bytes() == b"kept"


def test_the_bundled_model_is_not_removed(root: Path) -> None:
    with pytest.raises(Refused, match="comes with mgnode"):
        remove(root, "demonstration")


def test_a_known_model_that_is_not_here_says_how_to_get_it(root: Path) -> None:
    with pytest.raises(NotInstalled, match="`mgnode model fetch ueda2022`"):
        find(root, "ueda2022")


def test_an_unknown_name_says_where_the_names_are(root: Path) -> None:
    with pytest.raises(NotInstalled, match="no model is called nothing; `mgnode model list`"):
        find(root, "nothing")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda values: values.pop("spec"), id="no spec"),
        pytest.param(lambda values: values["spec"].update(name="other"), id="other name"),
        pytest.param(lambda values: values["spec"].update(novelty=1), id="unknown field"),
        pytest.param(lambda values: values["spec"].update(side="wide"), id="wrong type"),
        pytest.param(lambda values: values["spec"]["backbone"].update(kind="vgg"), id="backbone"),
        pytest.param(lambda values: values.update(format=2), id="newer format"),
        pytest.param(lambda values: values.update(registered_at="today"), id="no date"),
    ],
)
@needs_tensorflow
def test_a_record_that_cannot_be_read_is_named_and_can_be_removed(change: Any, root: Path) -> None:
    register_tiny(root)
    path = root / "tiny" / RECORD
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))

    with pytest.raises(DamagedRecord, match=r"tiny/model\.json cannot be used"):
        find(root, "tiny")
    remove(root, "tiny")

    assert names(root) == []


@needs_tensorflow
def test_a_record_without_a_newer_field_keeps_its_default(root: Path) -> None:
    register_tiny(root)
    path = root / "tiny" / RECORD
    values = json.loads(path.read_text())
    del values["spec"]["score_threshold"]
    path.write_text(json.dumps(values))

    assert find(root, "tiny").spec.score_threshold == 0.3


@needs_tensorflow
def test_weights_of_another_network_are_not_registered(root: Path, tmp_path: Path) -> None:
    given = write_tiny(tmp_path / "w.h5")
    wider = tiny_spec(pyramid_filters=4)

    with pytest.raises(WrongArchitecture, match="holds C3_reduced/kernel:0 of shape"):
        register(root, wider, given, CARD, now=REGISTERED_AT)

    assert own(root) == []


@needs_tensorflow
def test_weights_of_other_classes_are_not_registered(root: Path, tmp_path: Path) -> None:
    given = write_tiny(tmp_path / "w.h5")

    with pytest.raises(WrongArchitecture, match="was trained for 3 classes, not for 20"):
        register(root, tiny_spec(classes=20), given, CARD, now=REGISTERED_AT)


@needs_tensorflow
def test_a_file_that_is_cut_short_is_not_registered(root: Path, tmp_path: Path) -> None:
    given = write_tiny(tmp_path / "w.h5")
    whole = given.read_bytes()
    given.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(UnreadableWeights, match=f"cut short: {len(whole) // 2} of {len(whole)}"):
        register(root, tiny_spec(), given, CARD, now=REGISTERED_AT)


@needs_tensorflow
def test_a_network_that_answers_nan_is_not_registered(root: Path, tmp_path: Path) -> None:
    """Every weight is finite, and the product of two of them is not."""
    import h5py

    given = write_tiny(tmp_path / "w.h5")
    with h5py.File(given, "r+") as file:
        file["P3/P3/bias:0"][...] = np.float32(3e38)
        for name in ("0", ""):
            layer = "pyramid_regression" + (f"_{name}" if name else "")
            kernel = file[f"regression_submodel/{layer}/kernel:0"]
            kernel[...] = np.float32(3e38) * np.sign(kernel[...])

    with pytest.raises(NotFinite, match="NaN or infinity"):
        register(root, tiny_spec(), given, CARD, now=REGISTERED_AT)


@pytest.mark.parametrize("part", sorted(CARD))
def test_a_card_that_says_nothing_of_a_part_is_refused(
    part: str, root: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"the model card says nothing of: {part}"):
        register(root, tiny_spec(), tmp_path / "w.h5", {**CARD, part: ""}, now=REGISTERED_AT)


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "a b", "-a", "x" * 33, "a\n"])
def test_a_name_that_is_no_folder_of_ours_is_refused(name: str, root: Path, tmp_path: Path) -> None:
    spec = replace(SPECS["ueda2022"], name=name)

    with pytest.raises(ValueError, match="a model's name is"):
        register(root, spec, tmp_path / "w.h5", CARD, now=REGISTERED_AT)


@needs_tensorflow
def test_no_other_weights_get_the_demonstrations_name(root: Path, tmp_path: Path) -> None:
    given = write_tiny(tmp_path / "w.h5")

    with pytest.raises(Refused, match="comes with mgnode"):
        register(root, tiny_spec("demonstration"), given, CARD, now=REGISTERED_AT)
