"""Copy standard input to standard error, but for what TensorFlow says at every start.

A program of its own, run by ``models.backend``: a process that dies while it loads
TensorFlow (on a CPU without AVX, say) can no longer filter its own last words.
"""

from __future__ import annotations

import os
import re
from typing import Final

NOISE: Final = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called"
    rb"|I\d{4} .*oneDNN custom operations are on"
)

STARTS: Final = (b"W", b"I")
"""A line that starts otherwise is passed on before its end is there: it may be a prompt."""


def main() -> None:
    """Run until the other side closes the pipe."""
    held = b""
    while chunk := os.read(0, 65536):
        *lines, held = (held + chunk).split(b"\n")
        os.write(2, b"".join(line + b"\n" for line in lines if not NOISE.match(line)))
        if not held.startswith(STARTS):
            os.write(2, held)
            held = b""
    os.write(2, held)


if __name__ == "__main__":
    main()
