"""The reference weights on the disk, written once and kept between runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

from models import reference_weights

REPOSITORY = Path(__file__).resolve().parents[1]


def reference_weights_file() -> Path:
    """Write the snapshot form (288 MB, 3 s) below ``.cache/``, unless it is there already.

    Its name changes with the generator, so that an old file never answers for a new one.
    """
    source = Path(reference_weights.__file__)
    layout = source.with_name("reference_manifest.json.gz")
    key = hashlib.sha256(source.read_bytes() + layout.read_bytes()).hexdigest()[:12]
    path = REPOSITORY / ".cache" / "weights" / f"reference-{key}.h5"
    if not path.exists():
        reference_weights.write_reference_weights(path)
    return path
