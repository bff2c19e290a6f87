"""Which inetd a file is written for, and what follows from it for hosts.allow and hosts.deny."""

from __future__ import annotations

import pytest

from superd.config.inetd.dialects import DIALECTS, Name, detect
from superd.config.inetd.source import parse
from tests.config.golden import MemoryFiles

LINE = "7001 stream tcp nowait nobody /bin/cat cat"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("# $FreeBSD: src/etc/inetd.conf $\n" + LINE, "freebsd"),
        ("#\t$NetBSD: inetd.conf,v 1.60 $\n" + LINE, "netbsd"),
        ("# $DragonFly: src $\n" + LINE, "freebsd"),
        ("# $OpenBSD: inetd.conf $\n" + LINE, "openbsd"),
        ("# Packages should modify this file by using update-inetd(8)\n" + LINE, "openbsd"),
        ("# GNU inetutils\n" + LINE, "inetutils"),
        ("7001 stream tcp nowait/10 nobody /bin/cat cat", "freebsd"),
        ("7001 stream tcp nowait nobody/daemon /bin/cat cat", "freebsd"),
        ("7001 stream tcp nowait:10 nobody /bin/cat cat", "netbsd"),
        ("ftp on\n  wait = no;", "netbsd"),
        (".include /etc/inetd.d/*", "netbsd"),
        ("7001 stream tcp6only nowait nobody /bin/cat cat", "inetutils"),
        ("7001 stream tcp nowait nobody cat cat", "busybox"),
    ],
)
def test_the_dialect_is_known_by_its_syntax_or_its_head(text: str, name: Name) -> None:
    found = detect(text.split("\n"))
    assert found.name == name
    assert found.word
    assert found.wrapped is DIALECTS[name].wrapped


def test_in_doubt_hosts_deny_is_asked_for_every_service() -> None:
    foreign = parse("conf", MemoryFiles({"conf": LINE.encode()}))
    assert "NOLIBWRAP" not in foreign.services[0].flags
    (problem,) = foreign.problems
    assert "nothing tells it from another: hosts.allow and hosts.deny are asked for every service" in problem.message
    assert "`inetd_dialect`" in problem.hint


@pytest.mark.parametrize("head", ["# $OpenBSD$\n", "7002 stream tcp nowait nobody /usr/sbin/tcpd /bin/tr a b\n"])
def test_a_file_of_an_inetd_that_did_not_ask_them_says_for_which_services(head: str) -> None:
    foreign = parse("conf", MemoryFiles({"conf": f"{head}{LINE}\n".encode()}))
    assert "NOLIBWRAP" in foreign.services[-1].flags
    assert "are not asked for `7001`, which run without tcpd" in foreign.problems[0].message


def test_busybox_looks_in_path_and_the_others_name_the_folder() -> None:
    files = {"conf": b"4200 stream tcp nowait root cat dontcare\n", "/bin/cat": b"", "/usr/bin/cat": b""}
    (service,) = parse("conf", MemoryFiles(files)).services
    assert (service.server, service.argv) == ("/bin/cat", ("dontcare",))
    for name in DIALECTS:
        found = parse("conf", MemoryFiles(files), name)
        assert bool(found.services) is (name == "busybox"), name
    none = parse("conf", MemoryFiles({"conf": files["conf"]}), "busybox")
    assert "server `cat` is in none of /sbin /usr/sbin /bin /usr/bin" in str(none.problems[0])
