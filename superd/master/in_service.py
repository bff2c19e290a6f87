"""What the master serves just now: one mutable cell that start, reload and policy readings write. Values only.

Runs in: master.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.master.assignment import Assignment
    from superd.master.configuration import Configuration
    from superd.operators import Operators
    from superd.policy_snapshot import PolicySnapshot
    from superd.problem import Problem
    from superd.registry import Registry


@dataclass(slots=True)
class InService:
    """``problems`` are those of the configuration in force."""

    registry: Registry
    problems: tuple[Problem, ...]
    policy: PolicySnapshot
    assignment: Assignment
    operators: Operators
    policy_problems: tuple[Problem, ...] = ()
    """What is worth knowing of the tables in force."""
    tables_refused: tuple[Problem, ...] = ()
    """Why tables that are on disk now are not in force; the earlier ones are."""

    @classmethod
    def of(cls, found: Configuration) -> InService:
        """Return the first state: what was read at the start."""
        return cls(found.registry, found.problems, found.policy, found.assignment, found.operators, found.policy_problems)

    def take(self, found: Configuration) -> None:
        """Serve what a reload has read from here on."""
        self.registry, self.problems, self.policy = found.registry, found.problems, found.policy
        self.assignment, self.operators = found.assignment, found.operators
        self.policy_problems, self.tables_refused = found.policy_problems, ()
