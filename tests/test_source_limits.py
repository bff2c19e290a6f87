"""The tables of `[limits]` about sources, as a file has them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from superd.limits import Limits
from superd.source_limits import PenaltyKeys, SourceLimit


def test_the_keys_of_both_tables_are_read_from_a_files_values() -> None:
    limits = Limits.model_validate(
        {
            "source": [{"v4": 24, "v6": 48, "sessions": 50, "rate": [20, 40]}, {"v4": 16, "v6": 32, "sessions": 500}],
            "penalties": {"refused": "10s", "max": "1h", "min": 0, "exempt": "192.0.2.1"},
        }
    )
    assert limits.source == (SourceLimit(v4=24, v6=48, sessions=50, rate=(20, 40)), SourceLimit(v4=16, v6=32, sessions=500))
    assert limits.penalties == PenaltyKeys(refused=10.0, max=3600.0, exempt=("192.0.2.1",))
    assert Limits().penalties == PenaltyKeys()


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"source": [{"v4": 24}]}, "limits nothing"),
        ({"source": [{"v4": 33, "sessions": 1}]}, "less than or equal to 32"),
        ({"source": [{"sessions": 0}]}, "greater than or equal to 1"),
        ({"penalties": {"refuse": "1s"}}, "Extra inputs"),
        ({"penalties": {"refused": "soon"}}, "is not a duration"),
        ({"penalties": {"refused": 0}}, "greater than 0"),
    ],
)
def test_what_cannot_be_meant_is_an_error(keys: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Limits.model_validate(keys)
