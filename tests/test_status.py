"""The state as text: one line for each fact, and nothing of a stranger's that could break a line."""

from __future__ import annotations

from superd.status import FrontStatus, ServiceStatus, SessionStatus


def test_every_fact_has_its_line() -> None:
    state = FrontStatus(
        (
            ServiceStatus("echo", ("*:7/stream", "*:7/dgram"), 2, 0, 5, "echo"),
            ServiceStatus("cat", ("*:9/stream",), 0, 3, 0, "cat"),
        ),
        (SessionStatus(5, "echo", "192.0.2.7:4711", 77, "running", 61.2), SessionStatus(6, "echo", "", 0, "waiting", 0.0)),
        4,
        1,
    )
    assert state.text().splitlines() == [
        "superd state: 2 services, 2 sessions, 4 undecided",
        "service echo: *:7/stream *:7/dgram running=2 waiting=5 daemon=echo",
        "service cat: *:9/stream running=0 leftovers=3 daemon=cat",
        "session 5: echo from=192.0.2.7:4711 pid=77 age=61s",
        "session 6: echo from=- pid=0 age=0s",
        "bans: 1",
    ]


def test_a_hostile_address_stays_on_its_line() -> None:
    state = FrontStatus((), (SessionStatus(5, "echo", "fe80::1%\nbans: 0", 0, "running", 1.0),), 0, 1)
    assert len(state.text().splitlines()) == 3
