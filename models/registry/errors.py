"""What can go wrong with a registered model, by what the caller may do about it."""

from __future__ import annotations

from models.errors import ModelError


class RegistryError(ModelError):
    """Base of every error of the registry; its text says what to do."""


class NotInstalled(RegistryError):
    """No model of this name is registered here."""


class AlreadyInstalled(RegistryError):
    """Another model has this name already."""


class Refused(RegistryError):
    """What was asked for must not be done, whoever asks again."""


class DamagedRecord(RegistryError):
    """The registry's own file of a model cannot be read; the model must be installed again."""


class DownloadError(RegistryError):
    """The download did not come to its end; what came is kept, and a retry goes on there."""


class NoNetwork(DownloadError):
    """The server cannot be reached from this machine."""


class WrongDownload(RegistryError):
    """What the server gave is not the file that was asked for; a retry gives the same."""
