"""``[limits]``: what xinetd never limited, for a session, a program, a source and a service.

Runs in: every process that has a service. Reads no file.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from superd.model import Model, table
from superd.quantities import Seconds, Size, Words
from superd.service_limits import Percent, Pids, ServiceLimits, Weight
from superd.service_values import Pause, Rate
from superd.source_limits import PenaltyKeys, SourceLimit


class Limits(Model):
    """What xinetd never limited. Durations in seconds, sizes in bytes."""

    session: Seconds | None = Field(None, description="longest time a connection's program may run")
    start: Seconds | None = Field(
        None,
        description="longest time from the accept until the program runs: look-ups, rules, banners, commands, and a launcher's "
        "tries",
    )
    first_byte: Seconds | None = Field(
        None, description="time within which a client must have sent its first byte, from when its service begins; TCP"
    )
    idle: Seconds | None = Field(
        None, description="longest silence in both directions on a TCP connection, or on any that is redirected"
    )
    memory: Size | None = Field(
        None,
        description="memory of all processes of a program; without a usable cgroup, address space of each (RLIMIT_AS), when "
        "rlimit_as is not set",
    )
    memory_swap: Size | None = Field(None, description="swap space of all processes of a program; needs a cgroup")
    pids: Pids | None = Field(
        None, description="processes and threads of a program; needs a cgroup", json_schema_extra={"unit": "processes"}
    )
    cpu_quota: Percent | None = Field(
        None,
        description="processor time of all processes of a program, in hundredths of one processor; needs a cgroup",
        json_schema_extra={"unit": "percent"},
    )
    io_weight: Weight | None = Field(
        None,
        description="its share of the disks among the programs of the service; 100 is the default; needs a cgroup",
        json_schema_extra={"unit": "weight"},
    )
    cpu: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="processor time of each process of the program (RLIMIT_CPU) when rlimit_cpu is not set",
        json_schema_extra={"unit": "seconds"},
    )
    source_rate: tuple[Rate, Annotated[float, Field(ge=1)]] | None = Field(
        None,
        description="[connections a second, burst] one source address may make",
        json_schema_extra={"unit": "connections/s, connections"},
    )
    per_minute: tuple[Annotated[int, Field(ge=0)], Pause] | None = Field(
        None,
        description="[starts within 60 s, seconds of pause after them]: the inetds' nowait.N",
        json_schema_extra={"unit": "starts, seconds"},
    )
    v4_prefix: int = Field(
        32, ge=1, le=32, description="prefix length that counts as one IPv4 source", json_schema_extra={"unit": "bits"}
    )
    v6_prefix: int = Field(
        64, ge=1, le=128, description="prefix length that counts as one IPv6 source", json_schema_extra={"unit": "bits"}
    )
    exempt: Words = Field(
        (),
        description="addresses that per_source, cps, source_rate and source do not hold, as a balancer's or a monitor's",
    )
    source: tuple[SourceLimit, ...] = Field(
        (),
        description="a list of tables: limits for all sources of a network together, in addition to those for one source",
        json_schema_extra={"unit": ""},
    )
    penalties: PenaltyKeys = table(
        PenaltyKeys,
        "table: seconds for which a source is refused after it misbehaved; not for datagrams",
    )
    service: ServiceLimits = table(
        ServiceLimits,
        "table: limits for all programs of the service together; needs a cgroup",
    )
    kill_grace: Seconds = Field(5.0, description="from SIGTERM to SIGKILL when superd ends a program")
