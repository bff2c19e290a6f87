"""A reload from the request to the front's word that it counts; and readings that change nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from superd.master.configuration import Configuration, Tables, Unusable
from superd.master.listeners import BoundSockets
from superd.master.reading_child import Reading
from superd.master.reloads import MOST_LOGGED, RELOAD_PAUSE, Reloads
from superd.policy_snapshot import PolicySnapshot
from superd.problem import Origin, error, warning
from superd.registry import Registry
from tests.daemon_process import free_port
from tests.master.parts import Lines, configuration, in_service, registry

if TYPE_CHECKING:
    from superd.log.log import Log


class Calls:
    """Any other part of the master: it keeps the calls that it got."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def reloaded(self, outcome: object) -> int:
        self.calls.append(("reloaded",))
        return 7

    def missing(self) -> str:
        return "; not listening on x"

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self.calls.append((name, *given))

    def names(self) -> list[str]:
        return [name for name, *_ in self.calls]


class Readings:
    """The reading child: what was asked for, which the test answers."""

    def __init__(self) -> None:
        self.asked: list[Reading] = []
        self.forgotten = False

    def ask(self, reading: Reading) -> None:
        self.asked.append(reading)

    def forget(self) -> None:
        self.forgotten = True


class Made:
    def __init__(self, services: Registry, *, stay: bool = True) -> None:
        self.log, self.readings = Lines(), Readings()
        self.state = in_service(services)
        self.sockets = BoundSockets(cast("Log", self.log))
        self.sockets.bind_all(services, {})
        self.notifier, self.launchers, self.orders, self.operators, self.readiness = (Calls() for _ in range(5))
        self.said: list[str] = []
        self.reloads = Reloads(
            cast("Any", None), cast("Log", self.log), cast("Any", self.notifier), self.state, cast("Any", self.readings),
            self.sockets, cast("Any", self.launchers), cast("Any", self.orders), cast("Any", self.operators),
            cast("Any", self.readiness), configure=self.configure, on_broken=self.said.append,
            on_empty=None if stay else lambda: self.said.append("empty"),
        )  # fmt: skip
        self.reloads.begin()

    def configure(self) -> None:
        self.said.append("configure")

    def read(self, found: object) -> None:
        """Ask for a reload, and answer the reading with ``found``."""
        self.reloads.ask()
        assert self.reloads.due is not None
        self.reloads.on_timer(self.reloads.due)
        self.readings.asked.pop().done(found)


def one() -> Registry:
    return registry(a=f"127.0.0.1:{free_port()}")


def test_a_storm_of_requests_is_one_reload_and_the_next_comes_after_a_pause() -> None:
    made = Made(one())
    for _ in range(5):
        made.reloads.ask()
    now = time.monotonic()
    made.reloads.on_timer(now)
    made.reloads.on_timer(now + 60)
    assert [reading.kind for reading in made.readings.asked] == ["reload"]
    made.reloads.ask()
    assert made.reloads.due is not None
    assert made.reloads.due >= now + RELOAD_PAUSE
    made.reloads.on_timer(now)
    assert len(made.readings.asked) == 1
    made.sockets.close_all()


def test_a_request_before_anything_is_served_waits_until_something_is() -> None:
    made = Made(one())
    made.reloads._begun = False
    made.reloads.ask()
    assert made.reloads.due is None
    made.reloads.on_timer(time.monotonic() + 60)
    assert made.readings.asked == []
    made.reloads.begin()
    assert made.reloads.due is not None
    made.sockets.close_all()


def test_what_was_read_is_in_force_for_all_parts_and_reported_when_the_front_has_applied_it() -> None:
    made, new = Made(one()), one()
    made.read(configuration(new))
    assert made.state.registry == new
    assert set(new.by_address()) <= set(made.sockets)
    assert (made.said, made.orders.names()) == (["configure"], ["reloaded", "relays"])
    assert not any("reload:" in line for line in made.log.lines)
    made.reloads.on_applied(6)
    made.reloads.on_applied(7)
    summary = "changed `a` (listen), 0 kept"
    assert made.log.lines[-1] == f"notice: reload: {summary}; not listening on x"
    (done,) = [call for call in made.operators.calls if call[0] == "on_reloaded"]
    assert done[1:3] == ("done", summary)
    assert (done[4]["kept"], done[4]["closed"]) == (0, [])
    assert made.readiness.names() == ["report"]
    made.reloads.on_applied(7)
    assert made.readiness.names() == ["report"]
    made.sockets.close_all()


def test_a_new_front_has_applied_every_reload() -> None:
    made = Made(one())
    made.read(configuration(one()))
    made.reloads.on_front_ready()
    assert "on_reloaded" in made.operators.names()
    assert made.operators.names()[-1] == "on_front_ready"
    made.sockets.close_all()


def test_a_reading_with_an_error_changes_nothing_but_names_the_log_files_anew() -> None:
    services = one()
    made = Made(services)
    made.read(Unusable((error(Origin("a.toml", 3), "wrong"),)))
    assert made.state.registry == services
    assert made.orders.names() == ["log_files"]
    assert made.log.lines[-2:] == ["error: a.toml:3: error: wrong", "error: reload refused, nothing has changed: 1 problem"]
    assert made.notifier.calls[-1] == ("ready", "reload refused: 1 problem")
    made.sockets.close_all()


def test_half_a_reload_makes_a_new_front_and_is_refused_to_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(one())

    def fails() -> None:
        raise MemoryError

    monkeypatch.setattr(made.reloads, "_configure", fails)
    with pytest.raises(MemoryError):
        made.read(configuration(one()))
    assert made.said == ["a reload could not be completed"]
    assert made.operators.calls[-1][1] == "refused"
    made.sockets.close_all()


@pytest.mark.parametrize("stay", [True, False])
def test_a_reload_to_no_service_ends_superd_unless_it_is_to_stay(stay: bool) -> None:
    made = Made(one(), stay=stay)
    made.read(configuration(registry()))
    assert made.said == (["configure"] if stay else ["configure", "empty"])
    made.sockets.close_all()


def test_a_dry_run_says_what_a_reload_would_do_and_does_nothing() -> None:
    services = one()
    made = Made(services)
    made.reloads.ask_dry_run()
    (reading,) = made.readings.asked
    reading.done(configuration(registry()))
    reading.done(Unusable((error(Origin("a.toml", 3), "wrong"),)))
    assert [call[:3] for call in made.operators.calls] == [
        ("on_dry_run", "done", "closed `a`, 0 kept"),
        ("on_dry_run", "refused", "1 problem"),
    ]
    assert (made.state.registry, made.said, made.orders.calls) == (services, [], [])
    made.sockets.close_all()


def test_tables_that_were_read_go_to_launchers_and_front_with_their_first_problems() -> None:
    made = Made(one())
    made.reloads.ask_tables()
    (reading,) = made.readings.asked
    snapshot, assignment = PolicySnapshot(()), made.state.assignment
    problems = tuple(warning(Origin("hosts.deny", line), "odd") for line in range(MOST_LOGGED + 3))
    reading.done(Tables(snapshot, problems, assignment))
    assert made.state.policy is snapshot
    assert (made.launchers.names(), made.orders.names()) == (["assign"], ["policy"])
    assert len(made.log.lines) == MOST_LOGGED + 1
    assert made.log.lines[-1] == "warning: the tables have 3 more such problems: run `superd check`"
    unusable = Unusable(())
    reading.done(unusable)
    assert made.orders.calls[-1] == ("no_policy", unusable)
    made.sockets.close_all()


def test_a_superd_that_stops_reads_and_applies_nothing() -> None:
    services = one()
    made = Made(services)
    made.reloads.ask()
    assert made.reloads.due is not None
    made.reloads.on_timer(made.reloads.due)
    made.reloads.stop()
    made.readings.asked.pop().done(configuration(one()))
    made.reloads.ask()
    assert (made.readings.forgotten, made.state.registry) == (True, services)
    made.reloads.on_timer(time.monotonic() + 60)
    assert made.readings.asked == []
    made.sockets.close_all()


def test_the_configuration_is_read_with_the_tables_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(one())
    seen: list[object] = []

    def read_configuration(read: object, *, before: PolicySnapshot) -> Configuration:
        seen.append(before)
        return configuration(registry())

    monkeypatch.setattr("superd.master.reading.read_configuration", read_configuration)
    made.reloads.ask_dry_run()
    made.readings.asked.pop().work()
    assert seen == [made.state.policy]
    made.sockets.close_all()
