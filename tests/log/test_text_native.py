"""superd's own lines."""

from __future__ import annotations

from superd.log.clock import Clock
from superd.log.event import Event, Kind
from superd.log.fields import Fields
from superd.log.text_native import MAX_LINE, NativeText, words
from superd.syslog_priority import Level
from tests.log.events import WHEN, ended, message, refused, started

CLOCK = Clock()
TEXT = NativeText(CLOCK)


def body(event: Event) -> str:
    [line] = TEXT.bodies(event)
    return line


def test_a_session_has_its_id_right_after_its_service() -> None:
    client = "from=198.51.100.7:2071 name=a.example to=192.0.2.1:69"
    assert body(started()) == f"START tftp 9f3-2a {client} rule=/etc/hosts.allow:9 pid=8121"
    assert body(refused()) == f"FAIL tftp 9f3-2a {client} reason=instances limit=40 now=40"
    assert body(ended()) == (
        f"EXIT tftp 9f3-2a {client} rule=/etc/hosts.allow:9 pid=8121 ended_by=exit status=0 wait=0.250 "
        "duration=2.500 in=10 out=20 cpu=0.750 memory=2097152"
    )


def test_a_line_has_its_time_and_a_message_its_level() -> None:
    CLOCK.set(WHEN)
    assert TEXT.records(message()) == [f"{CLOCK.native} notice: it works\n".encode()]
    assert TEXT.records(started())[0].startswith(f"{CLOCK.native} START tftp ".encode())


def test_a_message_about_a_session_says_which_and_whose() -> None:
    assert body(message(with_record=True)) == "tftp 9f3-2a from=198.51.100.7:2071 pid=8121: it works"
    assert body(Event(Kind.MESSAGE, Level.INFO, WHEN, service="echo", text="text")) == "echo: text"


def test_values_with_blanks_quotes_or_an_equals_sign_are_quoted() -> None:
    fields: Fields = {"a": "two words", "b": 'say "x"', "c": "k=v", "d": "", "e": "plain", "f": 1.5, "g": 7}
    assert words(fields) == ['a="two words"', 'b="say \\"x\\""', 'c="k=v"', 'd=""', "e=plain", "f=1.500", "g=7"]


def test_an_ipv6_address_has_brackets() -> None:
    assert words({"peer": "2001:db8::1", "port": 7}) == ["from=[2001:db8::1]:7"]
    assert words({"peer": "localhost", "uid": 0}) == ["from=localhost", "uid=0"]


def test_a_line_is_cut_whole() -> None:
    [line] = TEXT.records(message("x" * 20_000))
    assert len(line) == MAX_LINE
    assert line.endswith(b"x\n")
