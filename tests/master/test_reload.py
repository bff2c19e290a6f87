"""A reload is a value: what would change, with the new sockets; or why nothing does."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from superd.file_end import file_end_of
from superd.master.configuration import Unusable
from superd.master.listeners import BoundSockets
from superd.master.reload import Refused, Reloaded, reload
from superd.problem import Origin, error
from tests.daemon_process import free_port
from tests.master.parts import Lines, configuration, in_service, registry

if TYPE_CHECKING:
    from superd.log.log import Log


def bound(**listen: str) -> BoundSockets:
    sockets = BoundSockets(cast("Log", Lines()))
    sockets.bind_all(registry(**listen), {})
    return sockets


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


def test_new_changed_and_removed_services_are_distinguished() -> None:
    a, b, c = (at(free_port()) for _ in range(3))
    sockets = bound(a=a, b=b)
    outcome = reload(in_service(registry(a=a, b=b)), configuration(registry(a=a, c=b, d=c)), sockets)
    assert isinstance(outcome, Reloaded)
    assert set(outcome.changed) == {"c", "d"}
    assert outcome.removed == ("b",)
    assert {str(address): name for address, name in outcome.listeners().items()} == {b: "c", c: "d"}
    for sock in outcome.opened.values():
        sock.close()
    sockets.close_all()


def test_errors_that_are_new_refuse_it_and_old_ones_do_not() -> None:
    sockets = bound()
    known, fresh = error(Origin("a.toml", 1), "one"), error(Origin("a.toml", 2), "two")
    state = in_service(registry(), known)
    assert isinstance(reload(state, configuration(registry(), known), sockets), Reloaded)
    refused = reload(state, configuration(registry(), known, fresh), sockets)
    assert refused == Refused("2 problems", (known, fresh))
    assert reload(state, Unusable((fresh,)), sockets) == Refused("1 problem", (fresh,))


def test_a_file_whose_last_line_has_lost_its_end_refuses_it_and_one_that_never_had_one_does_not() -> None:
    sockets = bound()
    whole, open_ended = file_end_of(b"a\n"), file_end_of(b"a")
    ends = {"xinetd.conf": whole, "printed": open_ended, "gone": whole}
    state = in_service(replace(registry(), endings=ends))
    assert isinstance(reload(state, configuration(replace(registry(), endings={**ends, "new": open_ended})), sockets), Reloaded)
    cut = {"xinetd.conf": open_ended, "printed": open_ended}
    refused = reload(state, configuration(replace(registry(), endings=cut)), sockets)
    assert isinstance(refused, Refused)
    assert (refused.why, [str(problem.origin) for problem in refused.problems]) == ("1 problem", ["xinetd.conf"])


def test_a_file_that_is_what_it_was_cut_short_refuses_it_and_a_comment_at_its_end_says_that_it_is_meant() -> None:
    sockets = bound()
    text = b"port = 7\nonly_from = []\n"
    state = in_service(replace(registry(), endings={"a.toml": file_end_of(text, "service")}))

    def outcome(now: bytes) -> Reloaded | Refused:
        return reload(state, configuration(replace(registry(), endings={"a.toml": file_end_of(now, "service")})), sockets)

    refused = outcome(text[:9])
    assert isinstance(refused, Refused)
    (problem,) = refused.problems
    assert str(problem.origin) == "a.toml:1"
    assert "`# this is all`" in problem.hint
    assert isinstance(outcome(text[:9] + b"# this is all\n"), Reloaded)
    assert isinstance(outcome(text), Reloaded)


def test_an_address_in_use_refuses_it_names_its_holder_and_leaves_nothing_open() -> None:
    free = at(free_port())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = at(taken.getsockname()[1])
        sockets = bound()
        before = len(os.listdir("/proc/self/fd"))
        refused = reload(in_service(registry()), configuration(registry(a=free, b=address)), sockets)
        assert isinstance(refused, Refused)
        assert f"cannot listen on `{address}/stream`: Address already in use" in refused.why
        assert len(os.listdir("/proc/self/fd")) == before


def test_an_address_that_waits_goes_on_waiting_and_the_reload_is_done() -> None:
    free = at(free_port())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = at(taken.getsockname()[1])
        sockets = bound(a=address)
        assert list(sockets) == []
        outcome = reload(in_service(registry(a=address)), configuration(registry(a=address, b=free)), sockets)
        assert isinstance(outcome, Reloaded)
        sockets.take(outcome.opened, outcome.changes)
        assert [str(address) for address in sockets] == [free]
        assert [str(address) for address in sockets.missing()] == [address]
    outcome = reload(in_service(registry(a=address, b=free)), configuration(registry(a=address, b=free)), sockets)
    assert isinstance(outcome, Reloaded)
    sockets.take(outcome.opened, outcome.changes)
    assert sorted(str(address) for address in sockets) == sorted([free, address])
    assert sockets.missing() == {}
    sockets.close_all()


def test_a_path_that_was_deleted_is_made_anew_and_one_that_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x"
    services = registry(a=f"unix:{path}")
    sockets = bound(a=f"unix:{path}")
    outcome = reload(in_service(services), configuration(services), sockets)
    assert isinstance(outcome, Reloaded)
    assert outcome.opened == {}
    path.unlink()
    outcome = reload(in_service(services), configuration(services), sockets)
    assert isinstance(outcome, Reloaded)
    assert list(outcome.listeners().values()) == ["a"]
    sockets.take(outcome.opened, outcome.changes)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    sockets.close_all()
    assert not path.exists()
