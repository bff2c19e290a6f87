"""Whether programs can have groups here: asked of this host by `superd check`, and of its own group by a superd that serves."""

from __future__ import annotations

import os

import pytest

from superd.cgroup import GroupPlan
from superd.load.groups import MASTER, group_fault
from superd.system.cgroups import Home, host_fault
from tests.needs import needs_root

UNKNOWN = GroupPlan((("nothing.max", "1"),))


def test_who_does_not_serve_asks_the_host_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MASTER, raising=False)
    fault = group_fault()
    assert fault(GroupPlan()) == host_fault(GroupPlan())
    assert fault(UNKNOWN) != ""


def test_who_serves_tries_it_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    needs_root()
    monkeypatch.setenv(MASTER, str(os.getpid()))
    fault = group_fault()
    if fault(GroupPlan()) == "":
        home = Home(os.getpid())
        assert home.found() == []
        home.close()
    assert fault(UNKNOWN) != ""
