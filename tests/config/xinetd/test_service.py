"""One xinetd section and its defaults make a service, or none and the reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.xinetd.address_lines import AddressReader
from superd.config.xinetd.attributes import collect
from superd.config.xinetd.draft import Surroundings
from superd.config.xinetd.lexer import Line
from superd.config.xinetd.section import Section
from superd.config.xinetd.service import make_service
from superd.problem import Origin, errors
from superd.service import Service
from tests.config.xinetd.test_findings import entry, only, read, said

BASE = ["socket_type = stream", "protocol = tcp", "wait = no", "user = root", "server = /bin/cat", "port = 7"]
MORE = ["cps = 0 0", "cps = 5 1", "cps = x", "nice = 30", "umask = 9", "flags = IDONLY", "flags = SENSOR", "type = INTERNAL"]
MORE += ["instances = -1", "instances = UNLIMITED", "env = A", "env = A=b", "log_on_success = TRAFFIC", "max_load = nan"]
MORE += ["only_from =", "only_from = 10.0.0.0", "disable = maybe", "redirect = a 1", "access_times = 1:00-2:00", "id = b"]
MORE += ["deny_time = x", "rpc_version = 1", "type = RPC", "bind = ::1", "v6only = yes", "socket_type = dgram", "nice = 1"]


def lines(texts: list[str]) -> list[Line]:
    parts = [text.split() for text in texts]
    return [Line(name, sign, tuple(values), Origin("x", at)) for at, (name, sign, *values) in enumerate(parts, 1)]


def made(texts: list[str], defaults: list[str] | None = None) -> tuple[Service | None, Section]:
    shared = collect(lines(defaults or []), Section(), defaults=True)
    section = collect(lines(texts), Section(), defaults=False)
    return make_service("cat", section, Origin("x", 1), Surroundings(shared.lines, AddressReader({}), {})), section


@given(st.lists(st.sampled_from([*BASE, *MORE]), max_size=10), st.booleans())
def test_there_is_a_service_or_an_error_and_never_both(texts: list[str], whole: bool) -> None:
    texts = BASE + texts if whole else texts
    service, section = made(texts)
    assert (service is None) == bool(errors(section.problems))
    assert all(1 <= problem.origin.line <= max(len(texts), 1) for problem in section.problems)


def test_a_service_takes_what_defaults_say_unless_it_says_otherwise() -> None:
    defaults = ["instances = 5", "cps = 9 2", "only_from = 10.0.0.1", "umask = 077"]
    service, _ = made([*BASE, "instances = UNLIMITED", "only_from += 10.0.0.2"], defaults)
    assert service is not None
    assert (service.instances, service.cps, service.umask) == (None, (9.0, 2.0), 0o77)
    assert service.only_from == ("10.0.0.1", "10.0.0.2")
    service, _ = made([*BASE, "only_from = 10.0.0.2", "cps = 0 0"], defaults)
    assert service is not None
    assert (service.only_from, service.cps) == (("10.0.0.2",), None)


def test_traffic_of_defaults_is_left_out_and_its_own_is_an_error() -> None:
    service, section = made(BASE, ["log_on_success = PID TRAFFIC"])
    assert service is not None
    assert service.log_on_success == {"PID"}
    assert section.problems
    assert made([*BASE, "log_on_success = TRAFFIC"])[0] is None


def test_what_xinetd_does_not_start_without_is_missed_here_too() -> None:
    for text in ("wait = no", "user = root", "server = /bin/cat"):
        service, section = made([other for other in BASE if other != text])
        assert service is None
        assert any(text.split()[0] in problem.message for problem in errors(section.problems))


@pytest.mark.parametrize(("word", "value"), [("50", 19), ("-50", -20), ("7", 7)])
def test_a_nice_value_beyond_the_kernel_s_is_its_last_with_a_warning(word: str, value: int) -> None:
    foreign = read(entry(f"nice = {word}"))
    assert only(foreign).nice == value
    assert [f"hint: write `nice = {value}`" in text for text in said(foreign) if "nice" in text] == (
        [True] if word != "7" else []
    )
