"""The programs that can compute a network: Keras, and faster ones."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import CannotCompute
from models.postprocess import Answers
from models.spec import ModelSpec

KERAS: Final = "keras"
OPENVINO: Final = "openvino"


class LoadedNetwork(Protocol):
    """A network with its weights on one of them; not for two threads at once."""

    @property
    def classes(self) -> tuple[int, ...]:
        """Label of each column of the classification."""

    @property
    def device(self) -> str:
        """Where it runs, ``cpu:0`` or ``gpu:0``."""

    def run(self, batch: NDArray[np.float32]) -> list[Answers]:
        """Answer prepared images of one size, (images, height, width, 3).

        Raises
        ------
        OutOfMemory
            There was not enough memory for so many; the process may go on.
        """


def load(
    runtime: str, spec: ModelSpec, path: Path, *, kept: tuple[int, ...], precision: str, xla: bool
) -> LoadedNetwork:
    """Load a weights file that ``check_file`` has passed.

    Parameters
    ----------
    runtime : str
        ``KERAS`` or ``OPENVINO``.
    kept : tuple of int
        The class labels to keep.
    precision : str
        ``"float32"``, or ``"bfloat16"`` on a GPU.
    xla : bool
        Whether Keras lets XLA compile the network: for a GPU.

    Raises
    ------
    CannotCompute
        This machine or runtime cannot compute in that way, or only wrongly.
    WeightsError
        The file cannot be used; its text says why.
    """
    if runtime == OPENVINO:
        if precision != "float32" or xla:
            raise CannotCompute("the runtime openvino computes in float32 and without XLA")
        from models.runtimes.openvino import OpenvinoNetwork

        return OpenvinoNetwork.load(spec, path, kept=kept)
    from models import backend
    from models.network import Network

    if precision != "float32" or xla:
        backend.load()
        if backend.device().startswith("cpu"):
            raise CannotCompute(
                "bfloat16 and XLA are for a GPU: this machine has none that Keras sees, and on "
                "a CPU they are slower, and bfloat16 gives other boxes"
            )
    return Network.load(spec, path, kept=kept, precision=precision, xla=xla)
