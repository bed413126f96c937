"""The password of the embedded broker: made once, in a file that its owner alone reads.

The server is given the file's name, the processes read it: the password is in no command
line and in no environment. It guards the second door; the first is the folder ``run`` and
the socket in it, which nobody else may enter.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from node.store.files import write_durably

_NAME: Final = "valkey.conf"
_DIRECTIVE: Final = "requirepass "


def broker_configuration(run: Path) -> Path:
    """Give Valkey's configuration file in the folder ``run``; make it when there is none.

    Raises
    ------
    OSError
        It cannot be written.
    """
    path = run / _NAME
    if not path.is_file():
        write_durably(path, f"{_DIRECTIVE}{secrets.token_hex(32)}\n".encode("ascii"))
    return path


def broker_password(run: Path) -> str | None:
    """Give the password of the broker whose folder is ``run``; None before its first start.

    Raises
    ------
    OSError
        There is one, and it cannot be read.
    """
    try:
        text = (run / _NAME).read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    return text.removeprefix(_DIRECTIVE).strip()
