"""The parsers of foreign bytes: each a function that lets out nothing but what its callers expect, with seeds to begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message

from superd.banner import render
from superd.config.hosts.edit import edited
from superd.config.hosts.scan import read_rules
from superd.config.inetd.source import parse as parse_inetd
from superd.config.systemd.source import parse as parse_systemd
from superd.config.toml.service_file import make_service, parse_toml
from superd.config.toml.settings_file import parse_settings
from superd.config.xinetd.source import parse as parse_xinetd
from superd.env_file import parse_env_file
from superd.errors import ControlError, PeerError
from superd.expansion import ExpansionTooLong, Values, defuse, expand_banner, expand_shell
from superd.ipc import front_requests, launch_codec, panel_codec, panel_requests, relay_messages
from superd.net.bounded_dns import cut
from superd.problem import Origin
from superd.rule import Table
from superd.safe_text import safe
from superd.wire import ident, proxy_header, rpc, tcpmux, varlink

ROOT = Path(__file__).parents[2]
TABLES: tuple[Table, ...] = ("allow", "deny")
SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:,._+ -")
VALUES = Values(a="192.0.2.1", h="a b;`x`", n="-rf", u="$(id)", c="../../x")


@dataclass(frozen=True, slots=True)
class Target:
    """``run`` raises for what must not happen. ``words`` are put into inputs: the grammar's own."""

    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()


class Files:
    """A file reader with one file, and no other."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, path: str) -> bytes:
        if path != "conf":
            raise FileNotFoundError(2, "No such file or directory", path)
        return self._data

    def list(self, path: str) -> list[str]:
        raise FileNotFoundError(2, "No such file or directory", path)


def service_file(data: bytes) -> None:
    keys, origins, problems = parse_toml(data, "x.toml")
    if not problems:
        make_service("x", keys, origins, Origin("x.toml"))


def settings_file(data: bytes) -> None:
    parse_settings(data, "superd.toml")


def xinetd_conf(data: bytes) -> None:
    parse_xinetd("conf", Files(data))


def inetd_conf(data: bytes) -> None:
    parse_inetd("conf", Files(data))


def systemd_units(data: bytes) -> None:
    socket, _, service = data.partition(b"\0")
    parse_systemd("x", {"x.socket": socket}, {"x.service": service})


def hosts_table(data: bytes) -> None:
    for table in TABLES:
        list(read_rules(data, "hosts", table)[0])


def hosts_edit(data: bytes) -> None:
    """A table that is read from its last text and what changed is the table that is read anew."""
    before, _, after = data.partition(b"\0")
    rules, problems = read_rules(before, "hosts", "deny")
    found = edited(rules, problems, before, after, "hosts", "deny")
    if found is not None:
        assert tuple(found[0]) == tuple(read_rules(after, "hosts", "deny")[0])


def environment_file(data: bytes) -> None:
    parse_env_file(data.decode("utf-8", "surrogateescape"))


def banner(data: bytes) -> None:
    try:
        render(data, VALUES)
    except ExpansionTooLong:
        pass


def expansion(data: bytes) -> None:
    """A peer's words are inert, whatever the template."""
    text = data.decode("utf-8", "surrogateescape").replace("\0", "")
    assert set(defuse(text)) <= SAFE
    for part in (lambda: expand_shell(text, VALUES), lambda: expand_banner(data, VALUES)):
        try:
            part()
        except ExpansionTooLong:
            pass
    assert not set(safe(text)) & {chr(code) for code in (*range(32), *range(127, 160))}


def ident_reply(data: bytes) -> None:
    found = ident.parse_reply(data, 4711, 113)
    assert len(found.user) <= 512
    ident.parse_question(data)


def dns_answer(data: bytes) -> None:
    try:
        dns.message.from_wire(cut(data, 16))
    except (dns.exception.DNSException, ValueError):
        pass


def header_of_a_proxy(data: bytes) -> None:
    try:
        found = proxy_header.scan(data)
    except PeerError:
        return
    if not isinstance(found, int):
        assert found.length <= len(data)


def tcpmux_name(data: bytes) -> None:
    reader = tcpmux.NameReader()
    try:
        for at in range(0, len(data), 7):
            if reader.take(data[at : at + 7])[1] is not None:
                return
    except PeerError:
        pass


def rpc_reply(data: bytes) -> None:
    for step in (lambda: rpc.record(data), lambda: rpc.parse_reply(1, data)):
        try:
            step()
        except PeerError:
            pass


def varlink_call(data: bytes) -> None:
    try:
        varlink.parse_call(data)
    except varlink.FramingError:
        pass


def _between(*parsers: Callable[[bytes], object]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        for parse in parsers:
            try:
                parse(data)
            except ControlError:
                pass

    return run


def _golden(dialect: str) -> tuple[bytes, ...]:
    cases = sorted((ROOT / "tests/golden" / dialect).glob("*.case"))
    return tuple(case.read_bytes().partition(b"\n-----\n")[0] for case in cases)


TARGETS = {
    "service-file": Target(
        service_file,
        (
            b'server = "/bin/cat"\nport = 7\nlisten = ["[::1]:7"]\ninstances = "UNLIMITED"\ncps = [5, 1]\n'
            b'[limits]\nidle = "5m"\n',
            b'type = "INTERNAL"\nservice = "echo"\naccess_times = ["Mon-Fri 8:00-18:00"]\n'
            b'only_from = ["192.0.2.0/24", ".x.org"]\n',
            b'redirect = "h:1"\nport = 1\nsandbox = "strict"\nlog_type = "FILE /x 1 2"\numask = "022"\nenv = { A = "b" }\n',
        ),
        (b'"""', b"[[limits.source]]", b"limits.service", b"\\u0000", b"9" * 400, b"inf", b"nan", b"1979-05-27"),
    ),
    "superd.toml": Target(
        settings_file,
        (
            b'services = "/x"\n[policy]\nhosts_allow = ""\n[log]\nformat = "json"\n'
            b"[defaults]\ninstances = 5\n[control]\nadmins = []\n",
        ),
        (b"[defaults.limits]", b"[metrics]\nlisten = ", b"'''"),
    ),
    "xinetd.conf": Target(xinetd_conf, _golden("xinetd"), (b"+=", b"-=", b"include ", b"includedir ", b"{", b"}", b"UNLIMITED")),
    "inetd.conf": Target(inetd_conf, _golden("inetd"), (b"nowait.", b"wait:", b"internal", b"rpc/udp", b"#@", b"tcp6only", b"@")),
    "systemd": Target(
        systemd_units,
        (b"[Socket]\nListenStream=7\nAccept=yes\n\0[Service]\nExecStart=-/bin/cat %i\nStandardInput=socket\n",),
        (b"LimitNOFILE=", b"ListenDatagram=", b"IPAddressAllow=", b"\\x", b"%%", b"infinity", b"\\\n"),
    ),
    "hosts": Target(
        hosts_table,
        (
            b"ALL: ALL\n",
            b"in.ftpd : .x.org EXCEPT a@b : spawn (x %h) & : DENY\n",
            b"a b: 192.0.2.0/255.255.255.0, [::1]/64 \\\n /f\n",
        ),
        (b"EXCEPT", b"PARANOID", b"twist", b"\\:", b"severity auth.info", b"banners ", b"@group", b"aclexec"),
    ),
    "hosts-edit": Target(
        hosts_edit, (b"ALL: 10.0.0.1\nALL: .x.org\n\0ALL: 10.0.0.1\nALL: .x.org\nALL: 10.0.0.2\n",), (b"\n", b"\\\n")
    ),
    "environment": Target(environment_file, (b'A=b\nC=\'d e\'\n# x\nF="g\\"h" i\\\n j\n',), (b"\\\n", b"'", b'"')),
    "banner": Target(banner, (b"Hello %h, %c %% %s\n",), (b"%a", b"%n" * 200)),
    "expansion": Target(expansion, (b"echo %h %c %u $(x)\n",), (b"%%", b"`", b"\xff")),
    "ident": Target(
        ident_reply,
        (b"4711, 113 : USERID : UNIX : joe\r\n", b"4711,113:ERROR:NO-USER\r\n"),
        (b":OTHER,us-ascii:", b"\0", b"65535"),
    ),
    "dns": Target(
        dns_answer,
        (
            bytes.fromhex(
                "1234818000010001000000000131013001300331323707696e2d61646472046172706100000c0001c00c000c0001000000050009056c6f63616c00"
            ),
        ),
        (b"\xc0\x0c", b"\xff\xff", b"\x3f"),
    ),
    "proxy": Target(
        header_of_a_proxy,
        (
            b"PROXY TCP4 192.0.2.9 192.0.2.1 1234 80\r\n",
            b"PROXY UNKNOWN\r\n",
            proxy_header.SIGNATURE + bytes.fromhex("21110013c0000209c000020104d20050040003616263"),
            proxy_header.SIGNATURE + bytes.fromhex("20000000"),
        ),
        (proxy_header.SIGNATURE, b"TCP6", b"\x20\x00\x05\x01\x00\x00\x00\x00"),
    ),
    "tcpmux": Target(tcpmux_name, (b"help\r\n", b"+echo\r\n"), (b"\r", b"\n", b"+")),
    "rpc": Target(rpc_reply, (bytes.fromhex("00000001000000010000000000000000000000000000000000000001"),), (b"\x80\0\0\x1c",)),
    "varlink": Target(
        varlink_call, (b'{"method":"org.x.Y","parameters":{"a":1},"more":true}',), (b"[" * 50, b"1e999", b"\\ud800")
    ),
    "launcher": Target(
        _between(launch_codec.parse_requests, launch_codec.parse_reports),
        (
            b'[["L",1,"cat","192.0.2.1",4711,"192.0.2.2",7,"","","tcp",[],null],["S",1,15],["Q",1]]',
            b'[["B",1,2],["E",1,"cat",2,0,0.1,0.2,300,1.5],["E",1,"c",2,9,0.1,0.2,300,1.5,1],["F",1,2,"/x"],["Z",1],["K","c",2]]',
        ),
        (b'["H",1,"0123456789abcdef",', b"1e400", b"NaN", b"-1", b'"\\u0000"', b"[" * 50),
    ),
    "front": Target(
        _between(
            front_requests.parse_request, panel_requests.parse_request, panel_codec.parse_question, panel_codec.parse_answer
        ),
        (b'{"word":"ready"}', b'{"word":"dump","number":5}', b'{"word":"renew","address":"udp:7"}'),
        (b'"policy"', b"-0", b"1e9", b"{" * 40, b'"number":'),
    ),
    "relay": Target(
        _between(relay_messages.parse_requests, relay_messages.parse_reports),
        (b"C" + bytes(60), b"Q" + bytes(8), b"E" + bytes(8)),
        (b"\x7f\xf8" + bytes(6), b"\xff" * 8),
    ),
}


def mutations(target: Target, seed: int, count: int) -> Iterator[bytes]:
    """Inputs made from the seeds: bytes turned, cut out, doubled, words put in. The same for the same ``seed``."""
    import random

    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(target.seeds))
        for _ in range(chance.randrange(1, 8)):
            at = chance.randrange(len(data) + 1)
            match chance.randrange(6):
                case 0 if data:
                    data[at % len(data)] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randrange(1, 20)]
                case 2:
                    data[at:at] = data[at : at + chance.randrange(1, 60)] * chance.randrange(1, 6)
                case 3 if target.words:
                    data[at:at] = chance.choice(target.words)
                case 4:
                    other = chance.choice(target.seeds)
                    data[at:] = other[chance.randrange(len(other) + 1) :]
                case _:
                    data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(4)))
        yield bytes(data[:65536])
