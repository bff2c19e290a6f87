"""One parser of foreign bytes under atheris: what it must not let out, and what takes too long, is kept as a file."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
with atheris.instrument_imports(include=["superd"]):
    from tests.fuzz.targets import TARGETS

SLOW = 1
"""Seconds that an input may take."""
LONGEST = 65536


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--runs", type=int, default=100_000, help="inputs to try; default: 100000")
    parser.add_argument("--seconds", type=int, default=0, help="stop after so long; default: never")
    parser.add_argument("--corpus", type=Path, help="folder that inputs are read from and kept in; default: one for this run")
    options = parser.parse_args()
    target = TARGETS[options.target]
    corpus = options.corpus or Path(tempfile.mkdtemp(prefix="superd-fuzz-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        corpus.joinpath(f"seed-{number}").write_bytes(seed)
    words = corpus.parent / f"{options.target}.words"
    words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word[:64]) + '"\n' for word in target.words))
    kept = ROOT / "tests/fuzz/corpus" / options.target
    kept.mkdir(parents=True, exist_ok=True)
    limits = [f"-atheris_runs={options.runs}", f"-max_total_time={options.seconds}", f"-timeout={SLOW}", f"-max_len={LONGEST}"]
    arguments = [sys.argv[0], *limits, f"-dict={words}", f"-artifact_prefix={kept}/", str(corpus), "-print_final_stats=1"]
    began = time.monotonic()
    pid = os.getpid()

    def run(data: bytes) -> None:
        target.run(data)

    atheris.Setup(arguments, run)
    try:
        atheris.Fuzz()
    finally:
        if os.getpid() == pid:
            print(f"{options.target}: {time.monotonic() - began:.0f} s")


main()
