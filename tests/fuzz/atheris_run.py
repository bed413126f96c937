"""Fuzz one path with atheris, guided by coverage: ``make fuzz``, or

``python -m tests.fuzz.atheris_run TARGET [-runs=200000] [libFuzzer's other options]``.

Inputs that taught something are kept in ``.cache/fuzz/TARGET``; one that breaks a promise is
written to ``.cache/fuzz/broken-TARGET-*``: mend the code, then move the file to
``tests/fuzz/regressions/TARGET/``, which every run of the tests feeds again.
"""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path

import atheris
import structlog

with atheris.instrument_imports(include=["node", "pynetdicom", "pydicom"]):
    from tests.fuzz import seeds, targets

FOLDER = Path(".cache/fuzz")


def main() -> None:
    """Run libFuzzer; it ends the process."""
    name, *options = sys.argv[1:]
    warnings.simplefilter("ignore")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    corpus = FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds.SEEDS[name]()):
        (corpus / f"seed-{number:03}").write_bytes(seed)
    limits = [
        f"-timeout={targets.SECONDS:.0f}",
        f"-rss_limit_mb={targets.MIB}",
        f"-max_len={targets.MOST_BYTES}",
        f"-artifact_prefix={FOLDER}/broken-{name}-",
        "-print_final_stats=1",
    ]
    regressions = Path(__file__).parent / "regressions" / name
    folders = [str(corpus), *([str(regressions)] if regressions.is_dir() else [])]
    atheris.Setup([sys.argv[0], *limits, *options, *folders], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
