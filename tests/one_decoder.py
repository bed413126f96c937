"""One process that decodes for all tests of this process: to start one takes half a second."""

from __future__ import annotations

import atexit
from typing import Final

from workers.decoding import Decoder

DECODER: Final = Decoder()

atexit.register(DECODER.close)
