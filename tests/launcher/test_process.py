"""A launcher as a process: what it starts, what it refuses to start, and what it cannot be stopped by."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import ExitStack

from superd.ipc import launch_codec as messages
from superd.ipc.message_pair import message_pair
from tests.launcher_process import connection, real_launcher
from tests.lingering import fill


def lingering_and_unread(accepted: int) -> None:
    """Make close(2) of this connection wait for half a minute: its client does not read."""
    with socket.socket(fileno=os.dup(accepted)) as sock:
        fill(sock, 30)


def test_a_descriptor_of_a_message_that_is_refused_is_closed_without_waiting() -> None:
    with real_launcher() as launcher, connection() as (_, accepted):
        launcher.service("cat", "/bin/cat")
        lingering_and_unread(accepted)
        socket.send_fds(launcher.front, [b"[]"], [accepted])
        os.close(accepted)
        front, end = message_pair()
        with front, end:
            # It answers the next front within a moment, not after half a minute.
            launcher.process.give_front(end)
            front.settimeout(5)
            front.send(messages.batch([messages.encode_request(messages.List(7))]))
            found: list[messages.Report] = []
            while messages.Listed(7) not in found:
                found += messages.parse_reports(front.recv(65536))


def test_a_program_that_does_not_exist_leaves_its_connection_closed_without_waiting() -> None:
    with real_launcher() as launcher, connection() as (_, accepted):
        launcher.service("gone", "/nowhere/gone")
        launcher.service("true", "/bin/true")
        lingering_and_unread(accepted)
        launcher.launch("gone", accepted)
        launcher.front.settimeout(5)
        assert launcher.report(messages.Failed).errno == errno.ENOENT


def test_a_program_that_lingers_on_its_socket_and_ends_at_once_does_not_hold_the_launcher_up() -> None:
    with real_launcher() as launcher, connection() as (_, accepted):
        launcher.service("true", "/bin/true")
        lingering_and_unread(accepted)
        launcher.launch("true", accepted)
        launcher.front.settimeout(5)
        assert launcher.report(messages.Exited).status == 0
        launcher.ask(messages.List(1))
        assert launcher.report(messages.Listed).number == 1


def test_what_the_master_changed_before_a_request_counts_for_it_though_earlier_ones_take_their_time() -> None:
    """A client that came after a reload got the earlier program, when the launcher had been busy meanwhile."""
    with real_launcher() as launcher, ExitStack() as stack:
        launcher.service("busy", "/bin/cat")
        launcher.service("changed", "/bin/echo", "before")
        others = [stack.enter_context(connection())[1] for _ in range(32)]
        client, accepted = stack.enter_context(connection())
        launcher.ask(messages.List(1))
        launcher.report(messages.Listed)
        launcher.launch("busy", *others)
        while not launcher.process.programs():
            pass  # it sleeps still
        launcher.service("changed", "/bin/echo", "after")
        launcher.launch("changed", accepted)
        assert client.recv(16) == b"after\n"
