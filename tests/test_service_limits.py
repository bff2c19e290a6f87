"""What the tables [limits] and [limits.service] refuse; what their keys do is in tests/trips/test_group_limits.py."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from superd.limits import Limits
from superd.service_limits import ServiceLimits


@pytest.mark.parametrize(
    ("key", "value"),
    [("pids", 0), ("cpu_quota", 0), ("io_weight", 0), ("io_weight", 10_001), ("memory", -2), ("memory_swap", "x")],
)
def test_what_no_kernel_would_take_is_refused(key: str, value: Any) -> None:
    for model in (Limits, ServiceLimits):
        with pytest.raises(ValidationError):
            model.model_validate({key: value})


def test_sizes_have_units() -> None:
    assert Limits.model_validate({"memory": "64M", "service": {"memory_swap": "1G"}}).service.memory_swap == 1 << 30
