"""The table of limits: durations and sizes as files write them, and no key that there is not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from superd.limits import Limits


def test_durations_and_sizes_are_read_as_files_write_them() -> None:
    limits = Limits.model_validate({"session": "1h30m", "memory": "64M", "kill_grace": 2})
    assert (limits.session, limits.memory, limits.kill_grace) == (5400.0, 64 << 20, 2.0)


@pytest.mark.parametrize(
    "keys",
    [
        {"sessions": 5},
        {"session": 0},
        {"session": -1},
        {"kill_grace": 0},
        {"v4_prefix": 33},
        {"v6_prefix": 0},
        {"per_minute": [-1, 5]},
    ],
    ids=str,
)
def test_what_is_not_a_limit_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Limits.model_validate(keys)


def test_nothing_is_limited_that_no_file_limits() -> None:
    limits = Limits()
    assert (limits.session, limits.start, limits.per_minute, limits.exempt, limits.source) == (None, None, None, (), ())
