"""What services of tcpmux need of one another, as `check` says it."""

from __future__ import annotations

from superd.config.checks import Host, check
from superd.service import Service

HOST = Host(lambda _: True, lambda _: True, lambda _: "", lambda _: True, (), True)
MUX = Service(name="tcpmux", type=frozenset({"INTERNAL"}), port=1)


def said(*services: Service) -> list[str]:
    return [f"{problem.severity.value}: {problem.message}" for problem in check({s.name: s for s in services}, {}, HOST)]


def client(name: str, **keys: object) -> Service:
    return Service.model_validate({"name": name, "type": ["TCPMUX"], "server": "/bin/cat", **keys})


def test_clients_with_a_tcpmux_are_fine() -> None:
    assert said(MUX, client("one"), client("two")) == []


def test_clients_without_a_tcpmux_are_warned_of() -> None:
    assert said(client("one")) == ["warning: nobody can reach it: no service `tcpmux` is served"]


def test_two_of_one_name_are_an_error_whatever_its_case() -> None:
    (problem,) = said(MUX, client("one"), client("two", service="ONE"))
    assert problem.startswith("error: tcpmux knows `ONE` as service `one`")


def test_what_is_no_connection_cannot_be_handed_over() -> None:
    for keys in ({"wait": True}, {"socket_type": "dgram", "wait": True}):
        assert [line for line in said(MUX, client("one", **keys)) if "what tcpmux hands over" in line]


def test_streams_only_is_said_of_those_that_speak_over_streams_only() -> None:
    for name in ("tcpmux", "auth"):
        service = Service.model_validate({"name": name, "type": ["INTERNAL"], "socket_type": "dgram", "port": 1})
        assert said(service) == [f"error: `{name}` speaks over streams only"]
