"""Which limits a service's programs have as groups of processes (cgroup v2): its keys, and what they are in the kernel's files.

Pure words: any process. Never touches a group; ``system/cgroups.py`` does.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from superd.frozen import frozen

if TYPE_CHECKING:
    from superd.limits import Limits
    from superd.service import Service
    from superd.service_limits import ServiceLimits

PERIOD = 100_000
"""Microseconds over which a processor quota counts: the kernel's own default."""
File = tuple[str, str]
"""A file of a group and what is written there."""


@frozen
class GroupPlan:
    """The files of the group that each program of a service has, and of the one that all of them are in."""

    each: tuple[File, ...] = ()
    together: tuple[File, ...] = ()
    ends: bool = True
    """Whether what a program leaves is ended."""

    @property
    def digest(self) -> str:
        """What tells two plans for a single program apart."""
        return hashlib.sha256(repr(self.each).encode()).hexdigest()[:16]


def group_plan(service: Service) -> GroupPlan | None:
    """Return how its programs are put into groups; None: no key asks for one."""
    limits = service.limits
    each, together = _files(limits, memory_limit(service)), _files(limits.service, limits.service.memory)
    if not service.server or not (each or together or "cgroup" in service.require):
        return None
    if any(name == "memory.max" for name, _ in (*each, *together)):
        each = (*each, ("memory.oom.group", "1"))  # the kernel ends the whole tree: half of a program is of no use
    return GroupPlan(each, together, service.leftovers == "end" and not service.wait)


def memory_limit(service: Service) -> int | None:
    """Return what ``limits.memory`` says where groups are in use; an ``rlimit_as`` is what it says, everywhere."""
    return service.limits.memory if service.rlimit_as is None else None


def _files(limits: Limits | ServiceLimits, memory: int | None) -> tuple[File, ...]:
    found: list[File] = []
    if memory is not None:
        found.append(("memory.max", _number(memory)))
    if limits.memory_swap is not None:
        found.append(("memory.swap.max", _number(limits.memory_swap)))
    if limits.pids is not None:
        found.append(("pids.max", str(limits.pids)))
    if limits.cpu_quota is not None:
        found.append(("cpu.max", f"{limits.cpu_quota * PERIOD // 100} {PERIOD}"))
    if limits.io_weight is not None:
        found.append(("io.weight", str(limits.io_weight)))
    return tuple(found)


def _number(value: int) -> str:
    return "max" if value < 0 else str(value)
