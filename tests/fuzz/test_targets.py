"""Every parser of foreign bytes over inputs that were once wrong, and some thousand made from good ones."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS, mutations

CORPUS = Path(__file__).parent / "corpus"
COUNT = 1500
SLOW = 1.0
"""Seconds of processor time that no input under 64 KiB may take."""


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_lets_out_only_what_its_callers_expect_and_soon(name: str) -> None:
    target = TARGETS[name]
    known = [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]
    for data in (*known, *target.seeds, *mutations(target, 1, COUNT)):
        began = time.process_time()
        try:
            target.run(data)
        except Exception as fault:
            raise AssertionError(f"{name}: {data!r}") from fault
        assert time.process_time() - began < SLOW, data
