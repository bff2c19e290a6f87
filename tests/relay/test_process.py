"""The relay as a real process: what goes in comes out, ends and limits hold, and what it is handed wrong harms itself alone."""

from __future__ import annotations

import os
import random
import resource
import select
import signal
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from superd.ipc import relay_messages as messages
from superd.ipc.message_pair import message_pair
from superd.ipc.relay_messages import CHARGEN, DISCARD, ECHO, RELAY
from superd.relay import process
from tests.needs import needs_root
from tests.relay_process import WAIT, RelayProcess, carry, read_all, tcp_pair


@pytest.fixture
def relay() -> Iterator[RelayProcess]:
    process = RelayProcess()
    yield process
    process.close()


class Redirect:
    """A client and a server with the relay between them."""

    def __init__(self, relay: RelayProcess, number: int = 1, **limits: float) -> None:
        self.client, ours = tcp_pair()
        theirs, self.server = tcp_pair()
        with ours, theirs:
            relay.carry(carry(number, RELAY, label=b"far", **limits), ours.fileno(), theirs.fileno())

    def __enter__(self) -> Redirect:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.server.close()


def read_exactly(sock: socket.socket, count: int) -> bytes:
    """One recv(2) would end at an urgent byte."""
    found = b""
    while len(found) < count:
        found += sock.recv(count - len(found))
    return found


def send_all(sock: socket.socket, data: bytes) -> threading.Thread:
    def send() -> None:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_every_byte_comes_out_at_the_other_side_both_ways_at_once_and_is_counted(relay: RelayProcess) -> None:
    sizes = random.Random(7)
    for number, (there, back) in enumerate(
        [(0, 0), (1, 0), (0, 1), *((sizes.randrange(8 << 20), sizes.randrange(8 << 20)) for _ in range(4))]
    ):
        sent, answered = os.urandom(there), os.urandom(back)
        with Redirect(relay, number) as both:
            found: dict[str, bytes] = {}
            threads = [send_all(both.client, sent), send_all(both.server, answered)]
            reader = threading.Thread(target=lambda both=both, found=found: found.update(server=read_all(both.server)))
            reader.start()
            found["client"] = read_all(both.client)
            for thread in (*threads, reader):
                thread.join(WAIT)
        assert found == {"server": sent, "client": answered}
        over = relay.report(messages.Over, number)
        assert (over.received, over.sent, over.label) == (there, back, b"far")
        assert over.reason in (messages.CLIENT, messages.OTHER)


def test_the_end_of_one_direction_leaves_the_other_open(relay: RelayProcess) -> None:
    with Redirect(relay) as both:
        both.client.sendall(b"question")
        both.client.shutdown(socket.SHUT_WR)
        assert read_all(both.server) == b"question"
        both.server.sendall(b"answer")
        both.server.close()
        assert read_all(both.client) == b"answer"
    over = relay.report(messages.Over)
    assert (over.received, over.sent, over.reason) == (8, 6, messages.CLIENT)


def test_an_urgent_byte_is_urgent_at_the_other_side_and_what_follows_it_flows_on(relay: RelayProcess) -> None:
    with Redirect(relay) as both:
        both.server.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        for round in range(3):
            both.client.sendall(b"abort")
            both.client.send(b"!", socket.MSG_OOB)
            both.client.sendall(b"then")
            assert read_exactly(both.server, 10) == b"abort!then", round
        both.client.send(b"?", socket.MSG_OOB)
        assert both.server.recv(1) == b"?"
        both.client.close()
        assert read_all(both.server) == b""
        both.server.close()
    assert relay.report(messages.Over).received == 31


def test_an_urgent_byte_is_echoed_with_the_others(relay: RelayProcess) -> None:
    client, ours = tcp_pair()
    with client, ours:
        relay.carry(carry(1, ECHO), ours.fileno())
        client.sendall(b"abc")
        client.send(b"!", socket.MSG_OOB)
        client.sendall(b"def")
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"abc!def"


def test_a_reset_of_one_side_ends_the_other_and_says_why(relay: RelayProcess) -> None:
    with Redirect(relay) as both:
        both.client.sendall(b"hi")
        assert both.server.recv(2, socket.MSG_WAITALL) == b"hi"
        both.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        both.server.close()
        over = relay.report(messages.Over)
        assert (over.received, over.sent, over.reason, over.errno) == (2, 0, messages.BROKEN, 104)
        assert both.client.recv(1) == b""


def test_a_peer_that_reads_nothing_holds_back_its_own_session_alone(relay: RelayProcess) -> None:
    with Redirect(relay, 1) as stuck, Redirect(relay, 2) as other:
        stuck.client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            while True:
                stuck.client.sendall(bytes(1 << 20))
        other.client.sendall(b"hello")
        assert other.server.recv(5, socket.MSG_WAITALL) == b"hello"
        relay.ask(messages.End(1))
        over = relay.report(messages.Over, 1)
        assert over.reason == messages.KILLED
        assert over.received > 0


def test_a_flood_leaves_the_others_their_turn(relay: RelayProcess) -> None:
    client, ours = tcp_pair()
    with client, ours, Redirect(relay, 2) as other:
        relay.carry(carry(1, CHARGEN), ours.fileno())
        taker = threading.Thread(target=lambda: [client.recv(1 << 20) for _ in range(200)])
        taker.start()
        for _ in range(50):
            other.client.sendall(b"x")
            assert other.server.recv(1) == b"x"
        taker.join(WAIT)
    assert relay.report(messages.Over, 1).sent > 0


def test_discard_reads_all_and_chargen_sends_rfc_864s_lines(relay: RelayProcess) -> None:
    client, ours = tcp_pair()
    with client, ours:
        relay.carry(carry(1, DISCARD), ours.fileno())
        client.sendall(bytes(3 << 20))
        client.shutdown(socket.SHUT_WR)
        over = relay.report(messages.Over)
        assert (over.received, over.sent, over.reason) == (3 << 20, 0, messages.CLIENT)
    client, ours = tcp_pair()
    with client, ours:
        relay.carry(carry(2, CHARGEN), ours.fileno())
        lines = client.recv(74 * 96, socket.MSG_WAITALL)
        assert (lines[:3], lines[74:77], lines[74 * 95 : 74 * 95 + 3]) == (b'!"#', b'"#$', b'!"#')
    assert relay.report(messages.Over).sent >= 74 * 96


def test_silence_ends_a_session_after_its_last_byte_and_a_time_limit_after_its_first(relay: RelayProcess) -> None:
    with Redirect(relay, 1, idle=0.3) as silent, Redirect(relay, 2, session=0.3, idle=5.0) as short:
        silent.client.sendall(b"x")
        assert silent.server.recv(1) == b"x"
        assert short.client.recv(1) == b""
        assert silent.client.recv(1) == b""
        first, second = relay.report(messages.Over, 1), relay.report(messages.Over, 2)
    assert (first.reason, first.received, second.reason) == (messages.IDLE, 1, messages.SESSION)
    assert 0.3 <= first.seconds < 3
    assert 0.3 <= second.seconds < 3


def test_a_list_names_what_lives_with_its_label_and_age(relay: RelayProcess) -> None:
    with Redirect(relay, 1), Redirect(relay, 2):
        relay.ask(messages.List(9))
        assert relay.report(messages.Listed).question == 9
        living = [relay.report(messages.Living) for _ in range(2)]
        assert {(one.number, one.label) for one in living} == {(1, b"far"), (2, b"far")}
        assert all(0 <= one.seconds < WAIT for one in living)


def test_an_idle_session_holds_two_descriptors_and_no_pipe_and_an_ended_one_none() -> None:
    needs_root()  # a relay is closed to others of its user
    relay = RelayProcess()
    try:
        relay.settled()
        before = relay.open_files()
        sessions = [Redirect(relay, number) for number in range(50)]
        for session in sessions:
            session.client.sendall(b"x")
            assert session.server.recv(1) == b"x"
        relay.settled()
        assert relay.open_files() <= before + 2 * 50 + 2 * 8
        for session in sessions:
            session.__exit__()
        for number in range(50):
            relay.report(messages.Over, number)
        assert relay.open_files() <= before + 2 * 8
    finally:
        relay.close()


def test_when_the_master_is_gone_what_is_carried_is_carried_to_its_end(relay: RelayProcess) -> None:
    with Redirect(relay) as both:
        relay.settled()
        relay.front.close()
        both.client.sendall(b"still here")
        both.client.shutdown(socket.SHUT_WR)
        assert read_all(both.server) == b"still here"
        both.server.close()
        assert relay.status() == 0


def test_a_relay_without_descriptors_refuses_the_session_and_lives() -> None:
    needs_root()
    relay = RelayProcess()
    try:
        relay.settled()
        resource.prlimit(relay.pid, resource.RLIMIT_NOFILE, (3, 3))
        with Redirect(relay, 1) as both:
            assert relay.report(messages.Over, 1).reason == messages.NO_ROOM
            assert both.client.recv(1) == b""
        relay.settled()
    finally:
        relay.close()


def strange(kind: str) -> Iterator[int]:
    """A descriptor that no front hands over."""
    match kind:
        case "file" | "directory" | "null":
            fd = os.open({"file": __file__, "directory": "/", "null": "/dev/null"}[kind], os.O_RDONLY)
            yield fd
            os.close(fd)
        case "pipe":
            ends = os.pipe()
            yield ends[0]
            for end in ends:
                os.close(end)
        case "epoll":
            with select.epoll() as epoll:
                yield epoll.fileno()
        case "unconnected":
            with socket.socket() as sock:
                yield sock.fileno()


@pytest.mark.parametrize("kind", ["file", "directory", "null", "pipe", "epoll", "unconnected"])
def test_a_descriptor_of_another_kind_ends_its_session_alone(relay: RelayProcess, kind: str) -> None:
    client, ours = tcp_pair()
    with client, ours, Redirect(relay, 2) as other:
        for fd in strange(kind):
            relay.carry(carry(1, RELAY), ours.fileno(), fd)
            ours.close()
            assert relay.report(messages.Over, 1).reason in (messages.FAULT, messages.BROKEN)
            assert client.recv(1) == b""
        other.client.sendall(b"x")
        assert other.server.recv(1) == b"x"


ONE = messages.encode_request(carry(1, ECHO))


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"X" + ONE[1:],
        ONE[:-1],
        ONE + b"x",
        messages.encode_request(messages.Carry(1, 99, 0, 0, b"")),
        messages.encode_request(messages.Carry(1, ECHO, float("nan"), 0, b"")),
        messages.encode_request(messages.Carry(1, ECHO, -1.0, 0, b"")),
        messages.encode_request(messages.Carry(1, ECHO, 0, float("inf"), b"")),
        messages.encode_request(messages.Ping(1 << 63)),
        ONE,  # without its descriptor
        messages.encode_request(messages.Ping(1)) * 49,
        bytes(messages.MAX_MESSAGE + 1),
    ],
)
def test_a_message_that_is_not_in_the_table_ends_the_relay(relay: RelayProcess, data: bytes) -> None:
    relay.say(data)
    assert relay.status() == 76


def test_descriptors_where_none_belong_and_a_number_twice_end_the_relay(relay: RelayProcess) -> None:
    relay.say(messages.encode_request(messages.Ping(1)), 0)
    assert relay.status() == 76
    other = RelayProcess()
    try:
        with Redirect(other, 1), Redirect(other, 1):
            assert other.status() == 76
    finally:
        other.close()


def test_it_ends_when_it_has_had_no_session_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "IDLE", 0.05)
    front, theirs = message_pair()
    with front, theirs:
        process.Relay(theirs, 100).run()
        front.send(messages.encode_request(messages.Ping(1)))  # the next relay finds it
        assert theirs.recv(100)


def test_signals_of_a_terminal_do_not_end_it(relay: RelayProcess) -> None:
    relay.settled()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(relay.pid, number)
    relay.settled()


def test_reports_without_a_reader_are_kept_and_sent_later(relay: RelayProcess) -> None:
    label = b"x" * messages.MAX_LABEL
    for start in range(0, 6000, 40):
        client, ours = tcp_pair()
        with client, ours:
            many = b"".join(
                messages.encode_request(messages.Carry(number, DISCARD, 0, 0, label)) for number in range(start, start + 40)
            )
            relay.say(many, *[ours.fileno()] * 40)
    seen = set()
    for _ in range(6000):
        seen.add(relay.report(messages.Over).number)
    assert seen == set(range(6000))
    relay.settled()
