"""The table [sandbox]: what its words mean, what contradicts, the plan of a launcher, the score."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from superd.sandbox import CALL_GROUPS, CAPABILITIES, DEFAULT_GROUPS, OFF, STRICT, Sandbox, exposure, plan_of


def test_nothing_is_on_unless_it_is_written() -> None:
    assert plan_of(OFF, "s") == ""
    assert not OFF.any
    assert exposure(OFF, root=True)[1] == 10.0
    assert exposure(Sandbox.model_validate("strict"), root=False)[1] == 0.0


def test_a_key_that_is_written_wins_over_its_preset() -> None:
    made = Sandbox.model_validate({"preset": "strict", "private_network": False})
    assert not made.private_network
    assert made.private_pids
    assert Sandbox.model_validate("strict") == Sandbox.model_validate({"preset": "strict"})
    assert set(STRICT) == set(Sandbox.model_fields) - {"preset", "ambient", "read_write"}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"capabilities": ["CAP_X"]}, "`CAP_X` is not a capability"),
        ({"hide": "home"}, "`home` is not an absolute path"),
        ({"read_only": "/a/../b"}, "is not an absolute path"),
        ({"seccomp": "@nothing"}, "`@nothing` is not `default` or one of"),
        ({"read_write": "/var"}, "`read_write` needs `read_only`"),
        ({"ambient": "CAP_NET_RAW", "capabilities": []}, "which `capabilities` leaves out"),
        ({"ambient": "CAP_NET_RAW", "private_pids": True}, "`ambient` has no effect with `private_pids`"),
        ({"private_tmp": "1K"}, "`1024` is less than 64K"),
        ("loose", "preset"),
    ],
)
def test_what_cannot_be_meant_is_an_error(keys: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=None) as caught:
        Sandbox.model_validate(keys)
    assert words in str(caught.value)


def test_a_plan_with_namespaces_is_one_services_alone() -> None:
    shared = [plan_of(Sandbox(no_new_privs=True, seccomp=("default",)), name) for name in ("a", "b")]
    alone = [plan_of(Sandbox(private_network=True), name) for name in ("a", "b")]
    assert shared[0] == shared[1]
    assert alone[0] != alone[1]
    plan = json.loads(shared[0])
    assert plan["no_new_privs"]
    assert tuple(plan["calls"]) == DEFAULT_GROUPS


def test_numbers_of_capabilities_are_the_kernels() -> None:
    assert (CAPABILITIES.index("CAP_NET_RAW"), CAPABILITIES.index("CAP_SYS_ADMIN"), len(CAPABILITIES)) == (13, 21, 41)
    assert json.loads(plan_of(Sandbox(capabilities=("CAP_KILL",)), "s"))["bounding"] == [5]
    assert Sandbox(seccomp=("default", "@network-io")).call_groups == CALL_GROUPS
