"""``[limits.service]``: what all programs of a service may use together.

Runs in: every process that has a service. Reads no file.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from superd.model import Model
from superd.quantities import Size

Pids = Annotated[int, Field(ge=1)]
Percent = Annotated[int, Field(ge=1, le=100_000)]
Weight = Annotated[int, Field(ge=1, le=10_000)]


class ServiceLimits(Model):
    """``[limits.service]``: what all programs of a service may use together. Each key needs a cgroup."""

    memory: Size | None = Field(
        None, description="memory of all its programs together; beyond it the kernel ends one of them, the largest as a rule"
    )
    memory_swap: Size | None = Field(None, description="swap space of all its programs together")
    pids: Pids | None = Field(
        None, description="processes and threads of all its programs together", json_schema_extra={"unit": "processes"}
    )
    cpu_quota: Percent | None = Field(
        None,
        description="processor time of all its programs together, in hundredths of one processor",
        json_schema_extra={"unit": "percent"},
    )
    io_weight: Weight | None = Field(
        None, description="their share of the disks among the services; 100 is the default", json_schema_extra={"unit": "weight"}
    )
