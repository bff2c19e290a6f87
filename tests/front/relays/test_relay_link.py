"""The front's end of a relay: nothing is lost while the relay does not read, and what is too much is given back at once."""

from __future__ import annotations

import os
import socket

import trio
import trio.testing

from superd.front.relays.relay_link import MAX_QUEUE, RelayLink
from superd.ipc import relay_messages as messages
from tests.relay_process import carry


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def link_and_relay() -> tuple[RelayLink, socket.socket, list[messages.Report]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reports: list[messages.Report] = []
    theirs.settimeout(5)
    return RelayLink(0, ours, lambda _, report: reports.append(report)), theirs, reports


async def test_what_a_relay_does_not_take_is_kept_in_order_and_sent_in_batches_later(nursery: trio.Nursery) -> None:
    link, relay, _ = link_and_relay()
    before = open_files()
    with relay:
        for number in range(700):
            assert link.send(carry(number, messages.ECHO, label=b"x" * 200), (os.dup(0),))
        assert open_files() > before  # some are queued
        nursery.start_soon(link.run)
        numbers: list[int] = []
        biggest = 0
        while len(numbers) < 700:
            await trio.testing.wait_all_tasks_blocked()
            data, fds, _, _ = socket.recv_fds(relay, messages.MAX_MESSAGE, 3 * messages.MAX_RECORDS)
            found = messages.parse_requests(data)
            assert len(fds) == len(found)
            numbers += [request.number for request in found if isinstance(request, messages.Carry)]
            biggest = max(biggest, len(found))
            for fd in fds:
                os.close(fd)
        assert numbers == list(range(700))
        assert biggest > 1
        assert open_files() == before
        link.close()


async def test_too_much_is_given_back_and_closed_at_once() -> None:
    link, relay, _ = link_and_relay()
    with relay:
        sent = 0
        while link.send(carry(sent, messages.ECHO), (os.dup(0),)):
            sent += 1
        assert sent > MAX_QUEUE
        before = open_files()
        assert not link.send(carry(sent, messages.ECHO), (os.dup(0),))
        assert open_files() == before
        link.close()
        assert open_files() == before - MAX_QUEUE - 1
    assert not link.send(messages.Ping(1))


async def test_reports_are_passed_on_until_the_end_or_the_first_that_is_wrong(nursery: trio.Nursery) -> None:
    link, relay, reports = link_and_relay()
    with relay:
        for data in (messages.encode_report(messages.Alive(1)) * 2, b"wrong", messages.encode_report(messages.Alive(3))):
            relay.send(data)
        assert await link.run() == "message is not a batch"
        assert [report.question for report in reports if isinstance(report, messages.Alive)] == [1, 1]
        assert not link.alive
    link, relay, _ = link_and_relay()
    relay.close()
    assert await link.run() == ""


async def test_a_kernel_without_room_for_descriptors_on_their_way_is_asked_again(nursery: trio.Nursery) -> None:
    link, relay, _ = link_and_relay()

    class Full:
        """The pair's end while other processes of the user have too many descriptors on their way."""

        def send(self, *_: object) -> None:
            raise OSError(109, "Too many references: cannot splice")

    with relay:
        real, link._sock = link._sock, Full()  # type: ignore[assignment]
        assert link.send(messages.Ping(7))
        link._sock = real
        nursery.start_soon(link.run)
        with trio.fail_after(5):
            await trio.lowlevel.wait_readable(relay)
        assert len(messages.parse_requests(relay.recv(100))) == 1
        link.close()
