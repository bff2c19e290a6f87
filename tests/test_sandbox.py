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
    assert exposure(Sandbox.model_validate("strict"), root=False)[1] == 1.0
    most = {"preset": "strict", "root": "/srv/jail", "dynamic_user": "5000-5001"}
    assert exposure(Sandbox.model_validate(most), root=True)[1] == 0.0


def test_a_key_that_is_written_wins_over_its_preset() -> None:
    made = Sandbox.model_validate({"preset": "strict", "private_network": False})
    assert not made.private_network
    assert made.private_pids
    assert Sandbox.model_validate("strict") == Sandbox.model_validate({"preset": "strict"})
    assert set(STRICT) == set(Sandbox.model_fields) - {
        "preset", "ambient", "read_write", "root", "landlock", "dynamic_user",
    }  # fmt: skip


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
        ({"root": "srv"}, "`srv` is not an absolute path"),
        ({"root": "//"}, "is the host's own root"),
        ({"landlock": "/usr/../etc"}, "is not an absolute path"),
        ({"landlock": "ro:/usr"}, "is not an absolute path"),
        ({"landlock": "connect:99999"}, "`99999` is not a port"),
        ({"landlock": "bind:"}, "`` is not a port"),
        ({"preset": "strict", "dynamic_user": "nobody"}, "`nobody` is not a range like 1879048192-1879049191"),
        ({"preset": "strict", "dynamic_user": "5-9"}, "is not a range of two ids or more between 1000 and 2147483647"),
        ({"preset": "strict", "dynamic_user": "5000-5000"}, "is not a range of two ids or more"),
        ({"preset": "strict", "dynamic_user": "5000-99999"}, "has more than 65536 ids"),
        ({"dynamic_user": "5000-5009", "private_pids": True, "private_tmp": "1M"}, "and `read_only` of `/`"),
        ({"preset": "strict", "dynamic_user": "5000-5009", "private_pids": False}, "`dynamic_user` needs `private_pids`"),
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


def test_a_plan_has_what_landlock_admits_and_whose_users_there_are() -> None:
    plan = json.loads(plan_of(Sandbox(landlock=("/usr", "-rw:/srv", "connect:443", "bind:8080", "connect:0")), "a"))
    assert plan["files"] == [["/usr", False, False], ["/srv", True, True]]
    assert (plan["connect"], plan["bind"], plan["no_new_privs"], plan["service"]) == ([443, 0], [8080], True, "")
    assert json.loads(plan_of(Sandbox(landlock=("connect:443",)), "a"))["files"] == []
    strict = Sandbox.model_validate({"preset": "strict", "dynamic_user": "5000-5009"})
    assert (strict.users, json.loads(plan_of(strict, "a"))["users"]) == (range(5000, 5010), [5000, 5009])
    plan = json.loads(plan_of(Sandbox(root="/srv/jail/"), "a"))
    assert (plan["root"], plan["service"], plan["files"], plan["users"]) == ("/srv/jail", "a", None, None)


def test_numbers_of_capabilities_are_the_kernels() -> None:
    assert (CAPABILITIES.index("CAP_NET_RAW"), CAPABILITIES.index("CAP_SYS_ADMIN"), len(CAPABILITIES)) == (13, 21, 41)
    assert json.loads(plan_of(Sandbox(capabilities=("CAP_KILL",)), "s"))["bounding"] == [5]
    assert Sandbox(seccomp=("default", "@network-io")).call_groups == CALL_GROUPS
