"""What operators may look at is that of the parts themselves."""

from __future__ import annotations

from superd.front.in_force import InForce
from superd.settings import Settings
from tests.front.fakes import Parts


def test_a_view_keeps_the_parts_that_it_was_made_of() -> None:
    parts, force = Parts(), InForce(Settings())
    view = parts.view(force, leftovers=2, waiting=1)
    assert (view.in_force, view.book, view.leftovers_of("s"), view.queue.waiting("s")) == (force, parts.book, 2, 1)
