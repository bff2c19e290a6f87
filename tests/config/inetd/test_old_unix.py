"""Entries of AIX, Solaris, HP-UX and IRIX: refused with the line as one of the five inetds has it, which is then read."""

from __future__ import annotations

import re

import pytest

from superd.config.inetd.source import parse
from superd.problem import errors
from tests.config.golden import MemoryFiles


@pytest.mark.parametrize(
    ("line", "system", "meant"),
    [
        (
            "rexd sunrpc_tcp tcp wait root /usr/sbin/rpc.rexd rexd 100017 1",
            "AIX",
            "100017/1 stream rpc/tcp wait root /usr/sbin/rpc.rexd rexd",
        ),
        (
            "rstatd sunrpc_udp udp wait root /usr/sbin/rpc.rstatd rstatd 100001 1-3",
            "AIX",
            "100001/1-3 dgram rpc/udp wait root /usr/sbin/rpc.rstatd rstatd",
        ),
        (
            "100002/2-3 tli rpc/datagram_v,circuit_v wait root /usr/lib/rusersd rpc.rusersd",
            "Solaris",
            "100002/2-3 dgram rpc/udp wait root /usr/lib/rusersd rpc.rusersd",
        ),
        (
            "rpc dgram udp wait root /usr/lib/rpc.rstatd 100001 1-3 rpc.rstatd",
            "HP-UX",
            "100001/1-3 dgram rpc/udp wait root /usr/lib/rpc.rstatd rpc.rstatd",
        ),
        ("7001 stream tcp nowait root ?/usr/etc/x x", "IRIX", "7001 stream tcp nowait root /usr/etc/x x"),
    ],
)
def test_the_right_line_is_given_and_read(line: str, system: str, meant: str) -> None:
    foreign = parse("conf", MemoryFiles({"conf": line.encode()}), "openbsd")
    (problem,) = errors(foreign.problems)
    assert system in problem.message
    assert problem.hint == f"write `{meant}`"
    again = parse("conf", MemoryFiles({"conf": meant.encode()}), "openbsd")
    assert errors(again.problems) == ()
    if number := re.match(r"(\d+)/", meant):
        assert again.services[0].rpc_number == int(number[1])


def test_a_second_protocol_is_a_line_of_its_own() -> None:
    foreign = parse("conf", MemoryFiles({"conf": b"100155/1 stream rpc/tcp,tcp6 wait root /bin/cat cat\n"}), "openbsd")
    (problem,) = foreign.problems
    assert problem.hint == "write another line with `rpc/tcp6`"
    assert foreign.services[0].rpc_number == 100155
