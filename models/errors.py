"""What can go wrong with a model, by what the caller may do about it."""

from __future__ import annotations

from pathlib import Path


class ModelError(Exception):
    """Base of every error that the detector raises on purpose."""


class WeightsError(ModelError):
    """The weights cannot be used; an administrator must give another file.

    Parameters
    ----------
    path : Path
        Of the weights file.
    problem : str
        What is wrong with it, as the end of a sentence that starts with the path.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} {problem}")
        self.path = path
        self.problem = problem


class MissingWeights(WeightsError):
    """There is no such file; the text says where the weights come from."""


class WrongChecksum(WeightsError):
    """The file is not the one whose sha256 was given."""


class UnreadableWeights(WeightsError):
    """The file is no HDF5 file, is cut short, or is damaged."""


class WrongArchitecture(WeightsError):
    """The file holds the weights of another network."""


class WrongWeights(WeightsError):
    """The numbers fit the network and still must not be used."""


class CannotCompute(ModelError):
    """The machine or the runtime cannot compute as the settings ask; change them."""


class NotFinite(ModelError):
    """The network answered NaN or infinity; no result may be made from it."""


class OutOfMemory(ModelError):
    """There was not enough memory for this image now; a retry may succeed."""
