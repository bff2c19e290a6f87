"""The closed table of methods."""

from __future__ import annotations

from typing import Any

import pytest

from superd.panel.interface import DESCRIPTION, INTERFACE
from superd.panel.methods import TABLE, find_method
from superd.panel.steps import Refusal
from superd.wire.varlink import MethodCall
from tests.panel.script import World


def find(method: str, parameters: dict[str, Any] | None = None, *, may_change: bool = True) -> Any:
    return World().run(find_method(MethodCall(method, parameters or {}), 0, may_change=may_change))


def test_the_service_describes_itself() -> None:
    info = find("org.varlink.service.GetInfo")
    assert info["interfaces"] == ["org.varlink.service", INTERFACE]
    for interface in info["interfaces"]:
        text = find("org.varlink.service.GetInterfaceDescription", {"interface": interface})["description"]
        assert f"interface {interface}\n" in text
    with pytest.raises(Refusal, match="InterfaceNotFound"):
        find("org.varlink.service.GetInterfaceDescription", {"interface": "x.y"})


def test_every_method_is_described_and_every_described_method_is_there() -> None:
    described = {
        f"{interface}.{line.split()[1].partition('(')[0]}"
        for interface, text in DESCRIPTION.items()
        for line in text.splitlines()
        if line.startswith("method ")
    }
    assert described == set(TABLE)


@pytest.mark.parametrize("name", [name for name, rule in TABLE.items() if name.startswith(INTERFACE)])
def test_every_parameter_is_described(name: str) -> None:
    rule = TABLE[name]
    declaration = DESCRIPTION[INTERFACE].partition(f"method {name.rpartition('.')[2]}(")[2].partition("->")[0]
    for parameter in (*rule.needed, *rule.optional):
        assert f"{parameter}: {'?' if parameter in rule.optional else ''}" in declaration, parameter


@pytest.mark.parametrize(
    ("method", "parameters", "error"),
    [
        ("superd.Control.Stop", {}, "MethodNotFound"),
        ("other.GetInfo", {}, "InterfaceNotFound"),
        ("GetInfo", {}, "InterfaceNotFound"),
        ("superd.Control.GetStatus", {"x": 1}, "InvalidParameter"),
        ("superd.Control.GetService", {}, "InvalidParameter"),
        ("superd.Control.GetService", {"service": 1}, "InvalidParameter"),
        ("superd.Control.GetService", {"service": "x" * 257}, "InvalidParameter"),
        ("superd.Control.ListSessions", {"limit": True}, "InvalidParameter"),
        ("superd.Control.ListSessions", {"limit": -1}, "InvalidParameter"),
        ("superd.Control.ListSessions", {"older_than": float("nan")}, "InvalidParameter"),
        ("superd.Control.Kick", {"ids": ["x"] * 1025}, "InvalidParameter"),
        ("superd.Control.Pause", {"services": [1]}, "InvalidParameter"),
        ("superd.Control.Reload", {"dry_run": 1}, "InvalidParameter"),
    ],
)
def test_what_is_not_in_the_table_is_refused(method: str, parameters: dict[str, Any], error: str) -> None:
    with pytest.raises(Refusal, match=error):
        find(method, parameters)


def test_null_is_a_parameter_that_was_left_out() -> None:
    assert find("superd.Control.ListSessions", {"service": None}) == {"sessions": [], "next": ""}


@pytest.mark.parametrize("name", [name for name, rule in TABLE.items() if rule.changes])
def test_who_may_only_look_changes_nothing(name: str) -> None:
    with pytest.raises(Refusal, match="PermissionDenied"):
        find(name, may_change=False)


def test_these_change_something() -> None:
    changing = {name.rpartition(".")[2] for name, rule in TABLE.items() if rule.changes}
    assert changing == {"Kick", "Ban", "Unban", "Pause", "Resume", "Reload"}
