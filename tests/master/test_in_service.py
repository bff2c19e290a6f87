"""The first state is what was read at the start."""

from __future__ import annotations

from superd.problem import Origin, warning
from tests.master.parts import configuration, registry


def test_it_begins_with_what_was_read() -> None:
    from superd.master.in_service import InService

    found = configuration(registry(a="127.0.0.1:7"), warning(Origin("a"), "x"))
    state = InService.of(found)
    assert (state.registry, state.problems, state.policy, state.assignment) == (
        found.registry, found.problems, found.policy, found.assignment,
    )  # fmt: skip
