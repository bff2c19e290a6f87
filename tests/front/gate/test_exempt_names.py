"""The addresses of exempt names: looked up, kept while no server answers, and looked up again when services change."""

from __future__ import annotations

import trio
import trio.testing

from superd.front.gate.exempt_names import LONGEST, ExemptNames
from superd.policy.penalties import Cause
from superd.settings import Settings
from tests.front.fakes import CLIENT, service


class Resolver:
    """Answers what the test says."""

    def __init__(self) -> None:
        self.answer: tuple[set[str], float] = ({CLIENT.address}, 60.0)
        self.asked: list[str] = []

    async def addresses_of(self, name: str) -> tuple[set[str], float]:
        self.asked.append(name)
        return self.answer


async def test_addresses_are_looked_up_again_and_kept_while_no_server_answers(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    one = service(limits={"penalties": {"refused": 60, "exempt": ["dns:Monitor.example.org", "192.0.2.99"]}})
    resolver, services = Resolver(), {"s": one}
    names = ExemptNames(resolver, services)
    nursery.start_soon(names.run)
    assert one.access.exempt_names == ("monitor.example.org",)
    one.access.penalise(CLIENT, Cause.REFUSED, 0.0)
    assert one.access.penalised(CLIENT, 0.0) is not None
    await trio.testing.wait_all_tasks_blocked()
    assert one.access.penalised(CLIENT, 0.0) is None
    resolver.answer = set(), 1.0
    await trio.sleep(61)
    assert len(resolver.asked) >= 2
    assert one.access.is_unpenalised(CLIENT)
    resolver.answer = {"2001:db8::7"}, 1e9
    await trio.sleep(6)
    assert not one.access.is_unpenalised(CLIENT)
    asked = len(resolver.asked)
    await trio.sleep(LONGEST - 10)
    assert len(resolver.asked) == asked

    services["s"] = service(limits={"penalties": {"refused": 60}})
    names.configure(Settings())
    await trio.testing.wait_all_tasks_blocked()
    await trio.sleep(10 * LONGEST)
    assert len(resolver.asked) == asked
    nursery.cancel_scope.cancel()


def test_a_reload_keeps_what_is_known_until_the_next_answer() -> None:
    limits = {"penalties": {"refused": 60, "exempt": ["dns:a.example.org"]}}
    old, new = service(limits=limits), service(limits=limits)
    old.access.exempt_addresses = frozenset({(4, CLIENT.number)})
    new.access.adopt(old.access)
    assert new.access.is_unpenalised(CLIENT)
