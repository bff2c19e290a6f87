"""Ways of programs: pipes and terminals with a real program at their end, and what a hostile one does to them."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from superd.ipc import relay_messages as messages
from superd.ipc.relay_messages import PIPE, PTY
from tests.relay_process import WAIT, RelayProcess, carry, read_all, tcp_pair


@pytest.fixture
def relay() -> Iterator[RelayProcess]:
    process = RelayProcess()
    yield process
    process.close()


class Piped:
    """A client of a program whose standard input and output are pipes."""

    def __init__(self, relay: RelayProcess, *command: str, number: int = 1) -> None:
        self.client, ours = tcp_pair()
        self.client.settimeout(WAIT)
        into, out = os.pipe(), os.pipe()
        self.program = subprocess.Popen(command, stdin=into[0], stdout=out[1])
        with ours:
            relay.carry(carry(number, PIPE), ours.fileno(), into[1], out[0])
        for fd in (*into, *out):
            os.close(fd)

    def __enter__(self) -> Piped:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.program.kill()
        self.program.wait(WAIT)


def test_a_program_with_pipes_gets_the_clients_end_and_its_last_word_arrives(relay: RelayProcess) -> None:
    data = os.urandom(1 << 20)
    with Piped(relay, "/bin/sh", "-c", "wc -c; echo done") as piped:
        piped.client.sendall(data)
        piped.client.shutdown(socket.SHUT_WR)
        assert read_all(piped.client).split() == [b"1048576", b"done"]
    over = relay.report(messages.Over)
    assert (over.received, over.sent, over.reason) == (1 << 20, 13, messages.CLIENT)


def test_a_program_that_ends_first_ends_the_session_though_the_client_stays(relay: RelayProcess) -> None:
    with Piped(relay, "/bin/echo", "bye") as piped:
        assert read_all(piped.client) == b"bye\n"
        piped.client.sendall(b"too late")
        piped.client.shutdown(socket.SHUT_WR)
        over = relay.report(messages.Over)
    assert (over.sent, over.reason) == (4, messages.OTHER)


def test_a_client_that_never_ends_its_side_is_not_waited_for(relay: RelayProcess) -> None:
    with Piped(relay, "/bin/echo", "bye") as piped:
        assert read_all(piped.client) == b"bye\n"
        assert relay.report(messages.Over).seconds < WAIT / 2


def test_a_program_that_reads_nothing_gets_the_clients_bytes_held_back_and_its_answer_through(relay: RelayProcess) -> None:
    with Piped(relay, "/bin/sh", "-c", "exec <&-; echo deaf") as piped:
        piped.client.sendall(b"x" * 100)
        assert read_all(piped.client) == b"deaf\n"
    assert relay.report(messages.Over).reason == messages.CLIENT


def test_a_client_that_goes_away_leaves_the_program_a_broken_pipe(relay: RelayProcess) -> None:
    with Piped(relay, "/bin/cat", "/dev/zero") as piped:
        assert piped.client.recv(100)
        piped.client.close()
        assert piped.program.wait(WAIT) == -signal.SIGPIPE
    assert relay.report(messages.Over).reason == messages.BROKEN


def terminal(relay: RelayProcess, *command: str) -> tuple[socket.socket, subprocess.Popen[bytes], int]:
    """The client, the program and the terminal's other end, which a launcher would have."""
    client, ours = tcp_pair()
    client.settimeout(WAIT)
    ours_end, theirs = pty.openpty()
    program = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    with ours:
        relay.carry(carry(1, PTY), ours.fileno(), ours_end)
    return client, program, ours_end


def test_a_program_at_a_terminal_reads_lines_and_the_clients_end_is_the_inputs(relay: RelayProcess) -> None:
    client, program, end = terminal(relay, "/bin/sh", "-c", "stty -echo; test -t 0 && read line && echo got $line; cat; echo end")
    os.close(end)
    with client:
        client.sendall(b"hello\nmore\n")
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert program.wait(WAIT) == 0
    assert b"got hello\r\n" in answer
    assert answer.endswith(b"more\r\nend\r\n")
    over = relay.report(messages.Over)
    assert (over.received, over.sent, over.reason) == (11, len(answer), messages.CLIENT)


def test_a_client_that_goes_away_hangs_the_terminal_up(relay: RelayProcess) -> None:
    client, program, end = terminal(relay, "/bin/sh", "-c", "trap '' INT; while read line; do echo $line; done")
    os.close(end)
    relay.settled()
    relay.ask(messages.End(1))
    assert relay.report(messages.Over).reason == messages.KILLED
    assert client.recv(1) == b""
    client.close()
    program.wait(WAIT)


def test_a_terminal_that_its_user_made_a_blocking_one_stops_no_other_session(
    relay: RelayProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, program, end = terminal(relay, "/bin/sleep", "60")
    relay.settled()
    os.set_blocking(end, True)
    with client, Piped(relay, "/bin/cat", number=2) as piped:
        client.sendall(b"x\n")  # an answer wakes the relay, which then reads once more: and that read would wait for ever
        piped.client.sendall(b"hello")
        assert piped.client.recv(5, socket.MSG_WAITALL) == b"hello"
        piped.client.sendall(b"hello")
        assert piped.client.recv(5, socket.MSG_WAITALL) == b"hello"
        relay.settled()
    program.kill()
    program.wait(WAIT)
    os.close(end)
