"""Write constraints.txt from pip's report of an installation: name==version, one a line."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def pins(report: str) -> list[str]:
    """List the packages of a ``pip install --report`` file, without the project itself."""
    found = (item["metadata"] for item in json.loads(report)["install"])
    named = {each["name"].lower().replace("_", "-").replace(".", "-"): each for each in found}
    return [f"{name}=={named[name]['version']}" for name in sorted(named) if name != "mgnode"]


if __name__ == "__main__":
    sys.stdout.write("\n".join(pins(Path(sys.argv[1]).read_text(encoding="utf-8"))) + "\n")
