"""Whatever a reader raises becomes one problem that says why."""

from __future__ import annotations

import pytest

from superd.master.configuration import unusable


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (KeyError("mallory"), "cannot be read: unknown user or group `mallory`"),
        (OSError(13, "Permission denied", "/etc/x"), "cannot be read: `/etc/x`: Permission denied"),
        (OSError(24, "Too many open files"), "cannot be read: [Errno 24] Too many open files"),
        (ValueError("a\nb"), "cannot be read: ValueError a b"),
        (MemoryError(), "cannot be read: MemoryError"),
        (ValueError("x" * 1000), "cannot be read: ValueError " + "x" * 289),
    ],
)
def test_a_fault_becomes_a_problem(fault: Exception, why: str) -> None:
    (problem,) = unusable(fault).problems
    assert problem.message == why
    assert problem.origin.file == "configuration"
