"""What operators may look at cannot be changed by looking."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from superd.front.in_force import InForce
from superd.settings import Settings
from tests.front.fakes import Parts


def test_a_view_keeps_the_parts_that_it_was_made_of() -> None:
    parts, force = Parts(), InForce(Settings())
    view = parts.view(force, leftovers=2, waiting=1)
    assert (view.in_force, view.book, view.leftovers_of("s"), view.queue.waiting("s")) == (force, parts.book, 2, 1)
    with pytest.raises(FrozenInstanceError):
        view.book = parts.book  # type: ignore[misc]
