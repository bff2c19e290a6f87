"""Master and launcher: what is sent is what arrives, and a launcher's words to root are bounded."""

from __future__ import annotations

import os
import socket
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.ipc import launcher_control as orders
from superd.ipc.launch_codec import Launch
from superd.launch_spec import CONNECTION_VARIABLES
from superd.launcher.environment import connection_environment


def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


TEXT = st.text(string.ascii_letters + "éß/ -", max_size=20)


@given(
    st.dictionaries(TEXT, st.fixed_dictionaries({"program": TEXT, "argv": st.lists(TEXT)})),
    st.dictionaries(TEXT, st.tuples(TEXT, TEXT)),
)
def test_a_configuration_arrives_as_it_was_sent(
    services: dict[str, dict[str, object]], options: dict[str, tuple[str, str]]
) -> None:
    master, launcher = pair()
    with master, launcher:
        orders.send_configuration(master, services, options)
        found = orders.receive_order(launcher)
        assert found is not None
        word, text, [memory] = found
        assert (word, text) == (orders.CONFIGURATION, b"")
        read_services, read_options = orders.read_configuration(memory)
        assert read_services == services
        assert {name: tuple(value) for name, value in read_options.items()} == options


def test_what_programs_left_arrives_as_it_was_sent() -> None:
    master, launcher = pair()
    with master, launcher:
        orders.send_bequest(master, orders.Bequest([5, 6], [orders.Bequeathed(7, "cat", "::1", 9, 1.5, over=True)]))
        found = orders.receive_order(launcher)
        assert found is not None
        word, _, [memory] = found
        assert word == orders.BEQUEST
        bequest = orders.read_bequest(memory)
        [one] = bequest.programs
        found_program = (one.pid, one.service, one.source, one.port, one.started, one.over)
        assert (bequest.children, found_program) == ([5, 6], (7, "cat", "::1", 9, 1.5, True))


def test_fronts_and_tables_arrive_in_their_order_and_the_end_is_seen() -> None:
    master, launcher = pair()
    with launcher:
        launcher.setblocking(False)
        orders.send_table(master, 0)
        orders.send_front(master, 0)
        for word in (orders.TABLE, orders.FRONT):
            found = orders.receive_order(launcher)
            assert found is not None
            assert found[0] == word
            os.close(found[2][0])
        with pytest.raises(BlockingIOError):
            orders.receive_order(launcher)
        master.close()
        assert orders.receive_order(launcher) is None


def test_sending_to_a_launcher_that_reads_nothing_does_not_wait() -> None:
    master, launcher = pair()
    with master, launcher, pytest.raises(BlockingIOError):
        while True:
            orders.send_front(master, 0)


@given(st.binary(min_size=1, max_size=400))
def test_of_a_launcher_the_master_reads_a_complaint_in_ascii_or_nothing(data: bytes) -> None:
    master, launcher = pair()
    with master, launcher:
        launcher.send(data)
        found = orders.read_complaint(master)
        assert found is not None
        word, why = found
        known = (orders.BROKEN, orders.DROPPED, orders.WANTED, orders.EMPTIED, orders.OUTLIVE)
        assert word in (b"", *known)
        assert (word == b"") == (data[:1] not in known)
        assert len(why) <= orders.MAX_COMPLAINT
        assert orders.read_complaint(master) == (b"", "")
        launcher.close()
        assert orders.read_complaint(master) is None


def test_a_complaint_arrives_and_descriptors_with_it_do_not() -> None:
    master, launcher = pair()
    with master, launcher:
        orders.send_complaint(launcher, orders.DROPPED, "no room: é")
        assert orders.read_complaint(master) == (orders.DROPPED, "no room: ?")
        before = len(os.listdir("/proc/self/fd"))
        socket.send_fds(launcher, [orders.BROKEN + b"x"], [0] * 10)
        assert orders.read_complaint(master) == (orders.BROKEN, "x")
        assert len(os.listdir("/proc/self/fd")) == before


def test_an_identity_arrives_as_it_was_given() -> None:
    text = orders.identity_text(1, 2, (3, 4), -5, ((6, 7), (8, -1)), None)
    assert orders.parse_identity(text) == {
        "uid": 1, "gid": 2, "groups": [3, 4], "nice": -5, "rlimits": [[6, 7], [8, -1]], "open_files": None, "sandbox": "",
    }  # fmt: skip


@pytest.mark.parametrize("proto", ["tcp", "udp", "unix"])
def test_the_connection_sets_no_variable_that_a_service_could_set_too(proto: str) -> None:
    found = connection_environment(Launch(1, "s", "192.0.2.1", 1, "192.0.2.2", 2, "a.example.com", "me", proto))
    assert {item.partition(b"=")[0].decode() for item in found} <= CONNECTION_VARIABLES
