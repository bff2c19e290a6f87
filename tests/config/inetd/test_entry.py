"""One inetd entry's fields and what each dialect means by them."""

from __future__ import annotations

import pytest

from superd.config.inetd.dialects import DIALECTS, Name
from superd.config.inetd.source import parse
from superd.problem import errors
from superd.service import Service
from tests.config.golden import MemoryFiles


def one(line: str, dialect: Name = "openbsd") -> Service:
    foreign = parse("conf", MemoryFiles({"conf": line.encode()}), dialect)
    assert errors(foreign.problems) == ()
    (service,) = foreign.services
    return service


def refused(line: str, dialect: Name = "openbsd") -> str:
    foreign = parse("conf", MemoryFiles({"conf": line.encode()}), dialect)
    assert foreign.services == ()
    (problem,) = errors(foreign.problems)
    return problem.message


@pytest.mark.parametrize(
    ("dialect", "word", "keys"),
    [
        ("openbsd", "nowait.1", {"per_minute": (1, 600.0)}),
        ("openbsd", "nowait.0", {"per_minute": None}),
        ("openbsd", "nowait", {"per_minute": None, "source_rate": (4.27, 256.0)}),
        ("inetutils", "nowait.7", {"per_minute": (7, 600.0)}),
        ("busybox", "nowait", {"per_minute": None}),
        ("busybox", "nowait.5", {"per_minute": (4, 60.0)}),
        ("netbsd", "nowait:5", {"per_minute": (5, 600.0)}),
        ("freebsd", "nowait", {"per_minute": None, "source_rate": (4.27, 256.0)}),
    ],
)
def test_starts_within_a_minute_are_what_the_dialect_counts(dialect: Name, word: str, keys: dict[str, object]) -> None:
    service = one(f"7001 stream tcp {word} root /bin/cat cat", dialect)
    assert {key: getattr(service.limits, key) for key in keys} == keys


def test_freebsds_three_numbers_are_children_connections_a_minute_of_one_and_children_of_one() -> None:
    service = one("7001 stream tcp nowait/10/30/3 root /bin/cat cat", "freebsd")
    assert (service.instances, service.limits.source_rate, service.per_source) == (10, (0.5, 30.0), 3)
    assert (service.at_limit, service.queue_time) == ("wait", 3600)
    assert one("7001 stream tcp nowait/0/0/0 root /bin/cat cat", "freebsd").instances is None


@pytest.mark.parametrize(("dialect", "word"), [("openbsd", "nowait/5"), ("openbsd", "nowait:5"), ("freebsd", "nowait.5")])
def test_a_number_that_is_not_written_so_there_is_refused(dialect: Name, word: str) -> None:
    assert "is not written so" in refused(f"7001 stream tcp {word} root /bin/cat cat", dialect)


@pytest.mark.parametrize(
    ("dialect", "protocol", "listen"),
    [
        ("openbsd", "tcp", ()),
        ("openbsd", "tcp6", ("[::]",)),
        ("freebsd", "tcp", ("0.0.0.0",)),
        ("freebsd", "tcp46", ()),
        ("inetutils", "tcp6", ()),
        ("inetutils", "tcp6only", ("[::]",)),
        ("busybox", "tcp4", ("0.0.0.0",)),
    ],
)
def test_families_are_the_dialects(dialect: Name, protocol: str, listen: tuple[str, ...]) -> None:
    assert one(f"7001 stream {protocol} nowait root /bin/cat cat", dialect).listen == listen


@pytest.mark.parametrize("dialect", DIALECTS)
def test_tcpd_is_replaced_under_the_name_it_guarded(dialect: Name) -> None:
    service = one("7001 stream tcp nowait root /usr/sbin/tcpd in.cat -x", dialect)
    assert (service.server, service.argv, service.daemon) == ("/usr/sbin/in.cat", ("in.cat", "-x"), "in.cat")
    assert "NOLIBWRAP" not in service.flags


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("7001 raw tcp nowait root /bin/cat cat", "socket type `raw` is not served"),
        ("7001 stream udp nowait root /bin/cat cat", "does not go with `stream`"),
        ("7001 stream sctp nowait root /bin/cat cat", "protocol `sctp` is not served"),
        ("7001 stream tcp maybe root /bin/cat cat", "is not wait or nowait"),
        ("70001 stream tcp nowait root /bin/cat cat", "is above 65535"),
        ("7001 stream tcp nowait root bin/cat cat", "is not an absolute path"),
        ("7001 stream tcp nowait root /usr/sbin/tcpd", "without the program it guards"),
        ("finger stream tcp nowait root internal", "no internal service `finger`"),
        ("x stream rpc/tcp nowait root /bin/cat cat", "is not service/version"),
        ("tcpmux/ stream tcp nowait root /bin/cat cat", "without a name"),
        (":a:b:/x stream unix nowait root /bin/cat cat", "is not :user:group:mode:path"),
        ("7001 stream tcp nowait .x /bin/cat cat", "no user is named"),
    ],
)
def test_a_field_that_means_nothing_is_refused_by_its_name(line: str, message: str) -> None:
    assert message in refused(line)


def test_sizes_of_buffers_are_left_to_the_kernel_and_that_is_said() -> None:
    foreign = parse("conf", MemoryFiles({"conf": b"7001 stream tcp,sndbuf=16k,rcvbuf=8k nowait root /bin/cat cat"}), "netbsd")
    assert [problem.message for problem in foreign.problems if "buffers" in problem.message] == [
        "`sndbuf=16k,rcvbuf=8k` is ignored: superd leaves socket buffers to the kernel"
    ]
    assert len(foreign.services) == 1


def test_a_login_class_is_said_to_be_unknown_here() -> None:
    foreign = parse("conf", MemoryFiles({"conf": b"7001 stream tcp nowait root/daemon /bin/cat cat\n"}), "freebsd")
    assert "conf:1: warning: the login class `daemon` is ignored" in str(foreign.problems[0])


def wrong(line: str, dialect: Name = "openbsd") -> tuple[list[str], tuple[tuple[str, str, object], ...]]:
    foreign = parse("conf", MemoryFiles({"conf": line.encode()}), dialect)
    assert foreign.services == ()
    return [problem.message for problem in errors(foreign.problems)], foreign.unserved


def test_every_wrong_field_of_a_line_is_said_in_one_run() -> None:
    messages, unserved = wrong("7001 strm tcq nowiat nobdy:nogrp sbin/prog prog")
    assert messages == [
        "socket type `strm` is not served",
        "`nowiat` is not wait or nowait",
        "protocol `tcq` is not served",
        "server `sbin/prog` is not an absolute path",
    ]
    assert [(key, value) for key, value, _ in unserved] == [("user", "nobdy"), ("group", "nogrp")]
    messages, _ = wrong("700100 stream udp nowait . internl")
    assert messages == [
        "`udp` does not go with `stream`",
        "port `700100` is above 65535",
        "no user is named",
        "server `internl` is not an absolute path",
    ]
    messages, unserved = wrong("300.1.1.1,nohost:7001 stream tcp maybe nobdy /bin/cat cat")
    assert [message for message in messages if "not a numeric address" in message or "maybe" in message] == messages
    assert len(messages) == 3
    assert [(key, value) for key, value, _ in unserved] == [("user", "nobdy"), ("server", "/bin/cat")]


def test_a_word_meant_as_internal_names_no_program_of_busybox() -> None:
    foreign = parse("conf", MemoryFiles({"conf": b"echo stream tcp nowait root internl\n7 stream tcp nowait root /bin/cat cat"}))
    (problem,) = errors(foreign.problems)
    assert problem.hint == "write `echo stream tcp nowait root internal`"
    assert "nothing tells it from another" in foreign.problems[0].message


def test_a_number_as_user_a_protocol_in_capitals_and_a_port_with_its_protocol_are_said() -> None:
    foreign = parse("conf", MemoryFiles({"conf": b"7001 stream tcp nowait 65534 /bin/cat cat\n"}), "openbsd")
    assert [problem.message.partition(":")[0] for problem in foreign.problems] == ["user `65534`"]
    assert parse("conf", MemoryFiles({"conf": b"7001 stream tcp nowait 65534 /bin/cat cat\n"}), "busybox").problems == ()
    for line, right in (
        ("7001 stream TCP6 nowait root /bin/cat cat", "7001 stream tcp6 nowait root /bin/cat cat"),
        ("7001/tcp stream tcp nowait root /bin/cat cat", "7001 stream tcp nowait root /bin/cat cat"),
        ("127.0.0.1:ssh/tcp stream tcp nowait root /bin/cat cat", "127.0.0.1:ssh stream tcp nowait root /bin/cat cat"),
    ):
        (problem,) = errors(parse("conf", MemoryFiles({"conf": line.encode()}), "openbsd").problems)
        assert problem.hint == f"write `{right}`"
        assert one(right).server == "/bin/cat"
