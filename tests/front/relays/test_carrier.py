"""What a relay has is counted in sessions and descriptors; a carried program is signalled while it runs, its relay after that."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, cast

from superd.front.relays.carrier import CarriedProgram, Carrier
from superd.front.sessions.live import Carried, Exited
from superd.ipc import relay_messages as messages
from tests.front.fakes import CLIENT, FakeRunning, Parts, service

if TYPE_CHECKING:
    from superd.front.relays.relay_link import RelayLink


def test_descriptors_are_counted_by_the_mode_of_each_session() -> None:
    carrier = Carrier(cast("RelayLink", None))
    session = Parts().book.enter(service(), CLIENT, 1000.0)
    carrier.enter(1, session, messages.RELAY)
    carrier.enter(2, None, messages.PIPE)
    assert carrier.files == messages.DESCRIPTORS[messages.RELAY] + messages.DESCRIPTORS[messages.PIPE]
    assert carrier.leave(1) is session
    assert carrier.leave(2) is None
    assert (carrier.files, carrier.sessions) == (0, {})


def test_a_program_is_signalled_while_it_runs_and_its_relay_only_to_kill() -> None:
    program, link, carried = FakeRunning(), FakeRunning(), Carried()
    running = CarriedProgram(program, cast("RelayLink", link), carried)
    running.signal(7, signal.SIGTERM)
    assert (program.signals, link.signals) == ([(7, signal.SIGTERM)], [])
    running.signal(7, signal.SIGKILL)
    assert (program.signals[1:], link.signals) == ([(7, signal.SIGKILL)], [(7, signal.SIGKILL)])
    carried.end = Exited(0, 1.0)
    running.signal(7, signal.SIGTERM)
    assert (len(program.signals), link.signals[1:]) == (2, [(7, signal.SIGTERM)])
