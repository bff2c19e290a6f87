"""Exit statuses are those of sysexits.h, which service managers know."""

from __future__ import annotations

import os

from superd import exit_status


def test_they_are_those_of_sysexits_h() -> None:
    names = [name for name in vars(exit_status) if name.startswith("EX_") and name != "EX_FAILURE"]
    assert {name: getattr(exit_status, name) for name in names} == {name: getattr(os, name) for name in names}
