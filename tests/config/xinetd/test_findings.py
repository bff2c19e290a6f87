"""What xinetd did and no admin wanted: each is read the way it was meant, or refused, and said with its line."""

from __future__ import annotations

import pytest

from superd.config.foreign import Foreign
from superd.config.xinetd.source import parse
from superd.service import Service
from tests.config.golden import MemoryFiles

BASE = ("type = UNLISTED", "socket_type = stream", "wait = no", "user = root", "server = /bin/cat", "port = 9001")


def entry(*lines: str, without: str = "", name: str = "x") -> str:
    """A service whose own lines begin at line 9, after the six it needs."""
    kept = [line for line in BASE if not without or not line.startswith(without)]
    return "\n".join([f"service {name}", "{", *kept, *lines, "}", ""])


def read(text: str, **files: str) -> Foreign:
    contents = {"conf": text, **{path.replace("_", "/"): data for path, data in files.items()}}
    return parse("conf", MemoryFiles({path: data.encode() for path, data in contents.items()}))


def said(foreign: Foreign) -> list[str]:
    return [str(problem) for problem in foreign.problems]


def only(foreign: Foreign) -> Service:
    (service,) = foreign.services
    return service


@pytest.mark.parametrize(
    ("line", "message", "keys"),
    [
        ("bind = 127.0.0.1 # local", "taken for a comment; xinetd ignored the whole line", {"listen": ("127.0.0.1",)}),
        ("per_source = 10 # few", "taken for a comment; xinetd ignored the whole line", {"per_source": 10}),
        ("rlimit_as = 8M # small", "taken for a comment; xinetd ignored the whole line", {"rlimit_as": 8 << 20}),
        ("only_from = 192.0.2.7 # office", "taken for a comment; to xinetd it was values", {"only_from": ("192.0.2.7",)}),
        ("cps = 5", "xinetd ignored the line, superd pauses 10 s", {"cps": (5.0, 10.0)}),
        ("v6only = no", "xinetd switched IPv4 off for any value", {"v6only": False}),
        ("flags = NORETRY", "`NORETRY` is ignored", {}),
        ("flags = INTERCEPT", "xinetd's own refused or lost them", {}),
        ("instances += 3", "xinetd ignored the line", {"instances": 3}),
        ("only_from = ::1/128", "never matches; in xinetd /128 never matched", {"only_from": ()}),
        ("only_from = 192.0.2.0/255.255.255.0", "is read as `192.0.2.0`, as in xinetd", {"only_from": ("192.0.2.0",)}),
        ("no_access = 192.0.2.7/255.255.255.0", "xinetd read it as", {"no_access": ("192.0.2.0/24", "192.0.2.7")}),
        ("only_from = 10.1.2.3/33", "is read as `10.1.2.3`, as in xinetd", {"only_from": ("10.1.2.3",)}),
        ("disabled = yes", "is read as `disable = yes`; xinetd ignored it and served", {"disable": True}),
        ("enabled = no", "is read as `disable = yes`; xinetd ignored it and served", {"disable": True}),
        ("disabled = no", "is read as `disable = no`", {"disable": False}),
        ('server_args = -c "a b"', "xinetd knows no quotes", {"server_args": ("-c", '"a', 'b"')}),
        ("no_access = ALL", "xinetd could not parse it and dropped it", {"no_access": ("0.0.0.0/0", "::/0")}),
        ("enabled = x", "outside defaults is ignored, as xinetd did", {}),
    ],
)
def test_what_is_evident_is_served_with_a_warning(line: str, message: str, keys: dict[str, object]) -> None:
    foreign = read(entry(line))
    (text,) = said(foreign)
    assert text.startswith("conf:9: warning: ")
    assert message in text
    assert {key: getattr(only(foreign), key) for key in keys} == keys


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("instances=3", "needs a blank before the operator; xinetd dropped the entry"),
        ("no_access", "nothing after `no_access`; xinetd lost the next service too"),
        ("instances = 3 4", "xinetd ignored the line and started"),
        ("redirect = 192.0.2.1:80", "xinetd ignored the line and started"),
        ("kafel_rule = /etc/seccomp", "unknown attribute `kafel_rule`; xinetd ignored it with a warning"),
        ("log_on_failure = RECORD", "xinetd disabled the service"),
        ("flags =", "xinetd disabled the service"),
        ("server_args =", "xinetd disabled the service"),
        ("log_on_success = TRAFFIC", "needs `redirect`; xinetd disabled the service"),
        ("only_from = 192.0.2.1,192.0.2.2", "has a comma in it"),
        ("only_from = 192.0.2.{300}", "300"),
        ("no_access = no..where", "so it never refused a client"),
        ("access_times = 22:00-6:00", "within one day"),
        ("access_times = 0:00-24:00", "within one day"),
        ("instances = -1", "write UNLIMITED"),
        ("max_load = -1", "is not a load above 0"),
        ("instances -= 3", "xinetd ignored the line"),
        ("env -= A=b", "is not possible"),
        ("flags = NAMEINARGS", "xinetd's child crashed"),
        ("flags = LABELED", "sets no SELinux label"),
        ("disable = true", "is not yes or no"),
        ("log_type = FILE /var/log/x 10M 1M", "is not `SYSLOG facility"),
    ],
)
@pytest.mark.parametrize("more", [(), ("disable = no",)])
def test_what_cannot_be_meant_is_refused_at_its_line_and_hides_nothing(line: str, message: str, more: tuple[str, ...]) -> None:
    other = entry(name="y").replace("9001", "9002")
    foreign = read(f"defaults\n{{\nenabled = x y\n}}\n{entry(line, *more)}{other}")
    assert [service.name for service in foreign.services] == ["y"]  # neither a later `disable = no` nor `enabled` revives it
    found = [text for text in said(foreign) if ": error: " in text]
    assert any(message in text for text in found)
    place = {"flags = NAMEINARGS": 11}.get(line, 13)  # that one is said of `server`
    assert found[0].startswith(f"conf:{place}: error: ")


def test_the_order_of_nameinargs_and_server_args_means_nothing() -> None:
    one = only(read(entry("flags = NAMEINARGS", "server_args = in.cat -x")))
    other = only(read(entry("server_args = in.cat -x", "flags = NAMEINARGS")))
    assert one == other
    assert one.argv == ("in.cat", "-x")


@pytest.mark.parametrize(
    ("lines", "where", "part"),
    [
        (("server_args = cat", "flags = NAMEINARGS"), 10, "and its child crashed"),
        (("server = /bin/tac", "server_args = cat", "flags = NAMEINARGS"), 11, "and its child crashed"),
        (("only_from = localhost",), 9, "admitted none of them"),
        (("no_access = 10.0.0.1 .example.com",), 9, "refused none of them"),
        (("disable = no", "disable = yes"), 10, "took the first, at line 9, and served it"),
    ],
)
def test_what_xinetd_did_otherwise_is_said_at_the_line(lines: tuple[str, ...], where: int, part: str) -> None:
    told = [line for line in said(read(entry(*lines))) if part in line]
    assert [line.split(": ")[0] for line in told] == [f"conf:{where}"]


@pytest.mark.parametrize(
    "lines",
    [
        ("flags = NAMEINARGS", "server_args = cat"),
        ("flags = NAMEINARGS", "server_args = cat", "server = /bin/tac"),
        ("flags = IPv4", "only_from = localhost"),
        ("bind = 127.0.0.1", "only_from = localhost"),
        ("v6only = yes", "only_from = localhost"),
        ("only_from = 127.0.0.1 ::1",),
        ("disable = yes", "disable = no"),
    ],
)
def test_where_xinetd_did_the_same_nothing_is_said(lines: tuple[str, ...]) -> None:
    assert [
        line for line in said(read(entry(*lines))) if "crashed" in line or "none of them" in line or "served it" in line
    ] == []


def test_every_wrong_value_of_one_entry_is_said_at_its_line() -> None:
    foreign = read(entry("redirect = unix /run/x", "nice = abc", "banner = /a", "id = x", without="server"))
    assert {str(problem.origin) for problem in foreign.problems} == {"conf:8", "conf:9"}
    foreign = read(entry("redirect = 192.0.2.1 70000", "nice = abc", without="server"))
    assert [line.split(": error: ")[0] for line in said(foreign)] == ["conf:9", "conf:8"]
    assert not any("Value error" in line for line in said(foreign))


def test_the_order_of_defaults_and_services_means_nothing_but_a_warning() -> None:
    defaults = "defaults\n{\nonly_from = 192.0.2.7\n}\n"
    after, before = read(entry() + defaults), read(defaults + entry())
    assert only(after) == only(before)
    assert said(before) == []
    (text,) = said(after)
    assert text.startswith("conf:1: warning: service `x` takes `only_from` from the defaults at conf:10; xinetd gave it none")


def test_an_address_against_the_family_of_the_flags_is_where_it_listens() -> None:
    foreign = read(entry("bind = 127.0.0.1", "flags = IPv6"))
    assert only(foreign).listen == ("127.0.0.1",)
    assert said(foreign) == ["conf:9: warning: `bind = 127.0.0.1` against `flags`: it listens there; xinetd listened everywhere"]


def test_a_datagram_service_without_wait_is_served_where_xinetd_looped() -> None:
    foreign = read(entry().replace("stream", "dgram"))
    assert not only(foreign).wait
    assert "conf:5: warning: dgram with `wait = no`" in said(foreign)[0]
    assert "xinetd looped without end" in said(foreign)[0]


def test_text_next_to_the_closing_brace_refuses_its_entry_and_not_the_next() -> None:
    other = entry(name="y").replace("9001", "9002")
    foreign = read(entry("instances = 3 }").replace("}\n}", "}") + other)
    assert "y" in [service.name for service in foreign.services]
    for stray in ("}", "stray", "{"):
        foreign = read(f"{stray}\n{entry()}")
        assert only(foreign).name == "x"
        assert said(foreign)[0].startswith("conf:1: warning: ")
        assert "xinetd skipped the whole next service" in said(foreign)[0]


def test_an_include_of_itself_is_an_error_with_its_line_and_the_rest_is_read() -> None:
    foreign = read(f"include conf\n{entry()}")
    assert only(foreign).name == "x"
    assert said(foreign) == ["conf:1: error: `conf` includes itself; xinetd crashed"]


def test_a_chain_of_includes_ends_somewhere() -> None:
    files = {f"f{number}": f"include f{number + 1}\n" for number in range(40)}
    foreign = read("include f0\n", **files)
    assert len(said(foreign)) == 1
    assert "deep; xinetd crashed" in said(foreign)[0]


def test_a_bad_value_in_defaults_is_an_error_and_no_end_of_the_daemon() -> None:
    foreign = read("defaults\n{\nlog_type = SYSLOG\nlog_type = SYSLOG daemon\n}\n" + entry())
    assert foreign.services == ()
    assert any(text.startswith("conf:4: error: `log_type` stands twice in defaults; xinetd exited") for text in said(foreign))


def test_disabled_minus_disables_as_in_xinetd_and_enabled_minus_does_not_enable() -> None:
    foreign = read(f"defaults\n{{\ndisabled -= x\n}}\n{entry()}")
    assert only(foreign).disable
    assert said(foreign)[0].startswith("conf:3: warning: `disabled -=` disables too")
    foreign = read(f"defaults\n{{\nenabled = x y\nenabled -= x\n}}\n{entry()}")
    assert only(foreign).disable
    assert said(foreign)[0].startswith("conf:4: warning: `enabled -=` takes ids away; xinetd added them")


def test_removing_the_last_address_leaves_no_client_and_no_access_may_take_what_only_from_gives() -> None:
    service = only(read(entry("only_from = 192.0.2.7", "only_from -= 192.0.2.7", "no_access = 192.0.2.7")))
    assert service.only_from == ()
    assert service.no_access == ("192.0.2.7",)


def test_traffic_in_defaults_disables_no_service() -> None:
    foreign = read(f"defaults\n{{\nlog_on_success = PID TRAFFIC\n}}\n{entry()}")
    assert only(foreign).log_on_success == {"PID"}
    assert said(foreign)[0].startswith("conf:3: warning: `TRAFFIC` in defaults is left out for `x`; xinetd disabled")


def test_a_relative_program_is_refused_for_it_was_looked_for_in_two_places() -> None:
    foreign = read(entry("server = bin/cat", without="server"))
    assert foreign.services == ()
    assert said(foreign) == ["conf:8: error: `server = bin/cat` is not an absolute path"]


SERVICES = "telnet 23/tcp\ntftp 69/udp\ndomain 53/tcp\ndomain 53/udp\n"


def listed(name: str, *lines: str, without: str = "type") -> Foreign:
    return read(entry(*lines, name=name, without=without), **{"_etc_services": SERVICES})


@pytest.mark.parametrize(
    ("name", "said_of_it"),
    [
        ("mine", "`mine` is not in /etc/services for tcp; without `type = UNLISTED` xinetd did not start it"),
        ("telnet", "`telnet` is port 23 in /etc/services; without `type = UNLISTED` xinetd did not start it on another"),
    ],
)
def test_a_port_that_xinetd_did_not_serve_is_said_at_its_line(name: str, said_of_it: str) -> None:
    foreign = listed(name)
    assert only(foreign).port == 9001
    (text,) = said(foreign)
    assert text.startswith(f"conf:7: warning: {said_of_it}")
    assert "add the line `type = UNLISTED`" in text
    assert said(listed(name, "type = UNLISTED")) == []


def test_a_name_of_the_other_protocol_is_reported_with_the_right_type() -> None:
    text = entry(name="tftp").replace("port = 9001\n", "").replace("type = UNLISTED\n", "", 1)
    (message,) = said(read(text, **{"_etc_services": SERVICES}))
    assert "`tftp` is in /etc/services for udp and not for tcp; xinetd did not start it" in message
    assert "write `socket_type = dgram`" in message
    right = text.replace("= stream", "= dgram").replace("wait = no", "wait = yes")
    assert said(read(right, **{"_etc_services": SERVICES})) == []


@pytest.mark.parametrize("name", ["log_on_success", "log_on_failure"])
def test_userid_without_a_log_asks_no_server_as_in_xinetd(name: str) -> None:
    foreign = read(entry(f"{name} = HOST USERID"))
    assert getattr(only(foreign), name) == {"HOST"}
    assert "without `log_type` xinetd logged nothing and asked no ident server" in said(foreign)[0]
    logged = read(entry(f"{name} = HOST USERID", "log_type = SYSLOG daemon"))
    assert getattr(only(logged), name) == {"HOST", "USERID"}
    assert said(logged) == []


def test_identification_that_decides_is_asked_for_even_without_a_log() -> None:
    foreign = read(entry("log_on_success = USERID", "flags = IDONLY"))
    assert only(foreign).log_on_success == {"USERID"}


def test_a_word_of_passenv_that_is_not_a_name_is_reported() -> None:
    (text,) = said(read(entry("passenv = PATH A=b")))
    assert "`A=b` in `passenv` is not a variable's name; xinetd passed nothing for it" in text
    assert "write `env = A=b`" in text


def test_without_cps_the_default_is_superds_and_pauses_no_service() -> None:
    service = only(read(entry()))
    assert service.cps == Service(name="x", server="/bin/cat", port=1).cps
    assert service.cps is not None
    assert service.cps[1] == 0
