"""What a reading of the configuration gives the master, or why it gives nothing. Values only.

Runs in: master, and its reading child.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING

from superd.frozen import frozen
from superd.operators import Operators
from superd.problem import Origin, error

if TYPE_CHECKING:
    from superd.master.assignment import Assignment
    from superd.policy_snapshot import Look, PolicySnapshot
    from superd.problem import Problem
    from superd.registry import Registry
    from superd.settings import Settings

Read = Callable[[], "tuple[Registry, tuple[Problem, ...]]"]
"""Reads the configuration's files. Raises ``ConfigError``."""


@frozen
class Configuration:
    """All that is served, with what is worth knowing about the files."""

    registry: Registry
    problems: tuple[Problem, ...]
    policy: PolicySnapshot
    policy_problems: tuple[Problem, ...]
    assignment: Assignment
    operators: Operators = field(default_factory=Operators)


@frozen
class Tables:
    """The policy's tables, and what their rules ask of launchers."""

    policy: PolicySnapshot
    problems: tuple[Problem, ...]
    assignment: Assignment


@frozen
class Unusable:
    """Why nothing can be taken from the files. ``looked_at`` is how the files looked that unusable tables name.

    ``unsettled``: another process writes one of the tables just now; the next connection asks again. ``settings`` are those
    of superd.toml, if it could be read.
    """

    problems: tuple[Problem, ...]
    looked_at: dict[str, Look] = field(default_factory=dict)
    unsettled: bool = False
    settings: Settings | None = None


def unusable(fault: BaseException) -> Unusable:
    """Return the answer for an exception that no reader expected."""
    if isinstance(fault, KeyError):
        why = f"unknown user or group `{fault.args[0] if fault.args else ''}`"
    elif isinstance(fault, OSError):
        why = f"`{fault.filename}`: {fault.strerror}" if fault.filename else str(fault)
    else:
        why = " ".join(f"{type(fault).__name__} {fault}".split())[:300]
    return Unusable((error(Origin("configuration"), f"cannot be read: {why}"),))
