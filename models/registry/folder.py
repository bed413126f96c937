"""The folder of the registered models: one folder each, complete or absent.

A model's folder is filled under a hidden name and renamed when it is durable; a name that
is taken refuses the rename. So there is no lock, two imports at once cannot mix, and a
reader sees a whole model or none.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Final

from config.fields import model_name
from models.durable_file import sync_folder
from models.registry import durable, probe
from models.registry.cards import CARDS, check_card, statement_of
from models.registry.errors import AlreadyInstalled, NotInstalled, Refused, RegistryError
from models.registry.form import Form, form_of
from models.registry.record import PICTURE, RECORD, WEIGHTS, Registered, read_record, to_json
from models.spec import SPECS, ModelSpec
from models.weights import check_file, sha256_of

BUNDLED: Final = "demonstration"

_TAKEN: Final = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})


def register(
    root: Path,
    spec: ModelSpec,
    weights: Path,
    card: Mapping[str, object],
    *,
    now: datetime,
    source: str = "",
    picture: Path | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Registered:
    """Copy a weights file into the registry after it was loaded and has answered.

    The same weights under the same name again change nothing.

    Parameters
    ----------
    root : Path
        The registry, ``node.store.paths.Layout.models``.
    card : mapping
        At least the parts of ``models.registry.cards.PARTS``; goes into JSON.
    now : datetime
        With a time zone.
    source : str
        Where the file came from, if not from ``weights``.
    picture : Path, optional
        The published test picture, to keep beside the weights.
    progress : callable
        Is told the bytes of each copied piece.

    Raises
    ------
    WeightsError, NotFinite
        The file cannot be used for this model; the text says why.
    AlreadyInstalled
        The name stands for other weights.
    ValueError
        The name or the card does not do.
    """
    model_name(spec.name)
    check_card(card)
    if SPECS.get(spec.name) != spec:
        spec = replace(spec, statement=statement_of(card))
    sha256 = check_file(weights, spec)
    _refuse_bundled(spec, sha256)
    if (there := _there(root, spec.name)) is not None:
        return _same(there, sha256)
    answers = probe.answers(spec, weights)
    model = Registered(
        spec=spec,
        weights=root / spec.name / WEIGHTS,
        sha256=sha256,
        size=weights.stat().st_size,
        form=form_of(weights),
        source=source or str(weights.absolute()),
        registered_at=now,
        card=card,
        answers=answers,
    )
    return _install(root, model, weights, picture, progress)


def find(root: Path, name: str) -> Registered:
    """Give the model of this name: registered, or bundled with mgnode.

    Raises
    ------
    NotInstalled
        The text says how to get it.
    DamagedRecord
        It is here, and its record cannot be read.
    """
    if name == BUNDLED:
        return _bundled()
    if (there := _there(root, name)) is not None:
        return there
    raise NotInstalled(_how_to_get(root, name))


def installed(root: Path) -> tuple[Registered, ...]:
    """List the models that are here, by name; the bundled one last.

    Raises
    ------
    DamagedRecord
        A record cannot be read; the text names it.
    """
    found = [read_record(root / name) for name in names(root)]
    try:
        return (*found, _bundled())
    except NotInstalled:
        return tuple(found)


def names(root: Path) -> list[str]:
    """Name the registered models, whether or not their records can be read."""
    if not root.is_dir():
        return []
    return sorted(path.parent.name for path in root.glob(f"[!.]*/{RECORD}"))


def remove(root: Path, name: str) -> None:
    """Take a model out of the registry and delete its files.

    Raises
    ------
    Refused
        It came with mgnode.
    NotInstalled
        There is none of this name.
    """
    if name == BUNDLED:
        raise Refused("the demonstration model comes with mgnode and cannot be removed")
    if not _is_name(name) or not (root / name).is_dir():
        raise NotInstalled(f"no model is registered as {name}; `mgnode model list` names them")
    # Out of sight in one step; a reader never meets half a model.
    gone = durable.hidden(root / name)
    (root / name).rename(gone)
    sync_folder(root)
    shutil.rmtree(gone)


def is_bundled(sha256: str) -> bool:
    """Say whether a checksum is that of the bundled demonstration weights."""
    path = _bundled_path()
    return path.is_file() and sha256_of(path) == sha256


def _install(
    root: Path,
    model: Registered,
    weights: Path,
    picture: Path | None,
    progress: Callable[[int], None],
) -> Registered:
    final = root / model.name
    aside = durable.hidden(final)
    durable.make_folder(aside)
    try:
        copied = durable.copy_new(weights, aside / WEIGHTS, progress=progress)
        if copied != model.sha256:
            raise RegistryError(f"{weights} changed while it was copied; try again")
        if picture is not None:
            durable.copy_new(picture, aside / PICTURE)
        durable.write_new(aside / RECORD, to_json(model))
        sync_folder(aside)
        try:
            aside.rename(final)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            # Somebody else was faster with this name.
            return _same(read_record(final), model.sha256)
        sync_folder(root)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return model


def _is_name(text: str) -> bool:
    try:
        model_name(text)
    except ValueError:
        return False
    return True


def _there(root: Path, name: str) -> Registered | None:
    return read_record(root / name) if name in names(root) else None


def _same(there: Registered, sha256: str) -> Registered:
    if there.sha256 == sha256:
        return there
    raise AlreadyInstalled(
        f"{there.name} is registered already with other weights (version {there.version}); "
        f"`mgnode model remove {there.name}` first, or give the new ones another --name"
    )


def _refuse_bundled(spec: ModelSpec, sha256: str) -> None:
    if spec.name == BUNDLED:
        raise Refused("the demonstration model comes with mgnode: no other weights get its name")
    if is_bundled(sha256):
        raise Refused(
            "these are the weights of the bundled demonstration model, which has no clinical "
            "value; they get no other name"
        )


def _bundled_path() -> Path:
    return Path(str(resources.files("models.demonstration").joinpath(f"{BUNDLED}.h5")))


def _bundled() -> Registered:
    path = _bundled_path()
    if not path.is_file():
        raise NotInstalled(
            "this installation of mgnode came without the weights of the demonstration model"
        )
    return Registered(
        spec=SPECS[BUNDLED],
        weights=path,
        sha256=sha256_of(path),
        size=path.stat().st_size,
        form=Form.WEIGHTS,
        source="bundled with mgnode",
        registered_at=None,
        card=CARDS[BUNDLED],
        answers={},
        is_bundled=True,
    )


def _how_to_get(root: Path, name: str) -> str:
    if name in SPECS:
        return f"the model {name} is not installed below {root}: {SPECS[name].weights_source}"
    return f"no model is called {name}; `mgnode model list` names those that there are"
