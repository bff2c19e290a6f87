"""Where a service of xinetd.conf listens."""

from __future__ import annotations

import pytest

from tests.config.xinetd.test_findings import entry, only, read, said


@pytest.mark.parametrize(
    ("lines", "listen", "v6only"),
    [
        ((), (), False),
        (("flags = IPv4",), ("0.0.0.0",), False),
        (("flags = IPv6",), (), False),
        (("bind = 127.0.0.1",), ("127.0.0.1",), False),
        (("interface = ::1",), ("[::1]",), False),
        (("bind = ::",), ("*",), False),
        (("bind = ::", "v6only = yes"), ("[::]",), True),
        (("v6only = yes",), (), True),
    ],
)
def test_addresses_come_from_bind_flags_and_v6only(lines: tuple[str, ...], listen: tuple[str, ...], v6only: bool) -> None:
    service = only(read(entry(*lines)))
    assert (service.listen, service.v6only) == (listen, v6only)


def test_a_name_is_an_address_by_etc_hosts() -> None:
    foreign = read(entry("bind = inside"), **{"_etc_hosts": "192.0.2.9 inside\n"})
    assert only(foreign).listen == ("192.0.2.9",)
    assert "neither an address nor a name in /etc/hosts" in said(read(entry("bind = outside")))[0]
    foreign = read(entry("bind = [::1]"))
    assert foreign.services == ()
    assert "hint: write `bind = ::1`" in said(foreign)[0]


@pytest.mark.parametrize(
    ("lines", "without", "kind"),
    [(("protocol = udp",), "socket_type", "dgram"), (("protocol = tcp",), "socket_type", "stream"), ((), "", "stream")],
)
def test_the_type_may_follow_from_the_protocol(lines: tuple[str, ...], without: str, kind: str) -> None:
    text = entry(*lines, without=without).replace("wait = no", "wait = yes" if kind == "dgram" else "wait = no")
    assert only(read(text)).socket_type.value == kind


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("protocol = tcq", "did you mean `tcp`?"),
        ("protocol = sctp", "write `protocol = tcp`"),
        ("protocol = dccp", "write `protocol = tcp`"),
        ("protocol = tcp6", "write `protocol = tcp` and `flags = IPv6`"),
        ("protocol = udp", "write `protocol = tcp`"),
        ("socket_type = tcp", "write `socket_type = stream`"),
        ("socket_type = steam", "write `socket_type = stream`"),
    ],
)
def test_a_wrong_type_or_protocol_comes_with_the_right_line(line: str, hint: str) -> None:
    foreign = read(entry(line, without=line.split()[0]))
    assert foreign.services == ()
    (text,) = said(foreign)
    assert f"hint: {hint}" in text


def test_without_a_port_the_name_stands_for_it() -> None:
    assert only(read(entry(without="port").replace("type = UNLISTED\n", ""))).port == "x"
    assert "has no `port`" in said(read(entry(without="port")))[0]
