"""Which launcher starts what: equal profiles share launchers, rules get theirs, unknown names are reported."""

from __future__ import annotations

import pytest

from superd.launch_spec import Account, Accounts, Profile
from superd.master.assignment import assign
from superd.problem import Origin
from superd.registry import Registry
from superd.rule import Option, Policy, Rule
from superd.service import Service
from superd.settings import Settings

USERS = {"alice": Account("alice", 901, 901), "bob": Account("bob", 902, 902)}
ACCOUNTS = Accounts(USERS.__getitem__, {"mail": 8}.__getitem__, lambda name, gid: (gid,))
NO_RULES = Policy((), (), {})


def registry(*services: dict[str, object], **settings: object) -> Registry:
    made = [Service.model_validate({"server": "/bin/cat", "port": 7, **keys}) for keys in services]
    return Registry({service.name: service for service in made}, Settings.model_validate(settings))


def rule(*options: tuple[str, str]) -> Policy:
    made = tuple(Option(name, value, Origin("hosts.allow", 1)) for name, value in options)
    return Policy((Rule("allow", ("ALL",), ("ALL",), made, Origin("hosts.allow", 1)),), (), {})


def test_services_of_one_user_share_its_launchers_and_a_wait_service_uses_one() -> None:
    found = assign(
        registry(
            {"name": "a", "user": "alice"},
            {"name": "b", "user": "alice"},
            {"name": "c", "user": "bob", "wait": True},
        ),
        NO_RULES, ACCOUNTS, {}, root=True, lanes=2,
    )  # fmt: skip
    alice, bob = Profile(901, 901), Profile(902, 902)
    groups = {key[0].uid for key in found.specs}
    assert groups == {901, 902}
    assert found.launchers_of["a"] == found.launchers_of["b"]
    assert [lane for _, lane in found.launchers_of["a"]] == [0, 1]
    assert [lane for _, lane in found.launchers_of["c"]] == [0]
    assert all(set(found.specs[key]) == {"a", "b"} for key in found.launchers_of["a"])
    assert {key[0].uid: user for key, user in found.users.items()} == {alice.uid: "alice", bob.uid: "bob"}


def test_without_root_all_is_started_as_who_superd_is() -> None:
    found = assign(registry({"name": "a", "user": "alice"}), NO_RULES, ACCOUNTS, {}, root=False, lanes=1)
    assert list(found.specs) == [(Profile(), 0)]


def test_a_rules_user_gets_a_launcher_of_every_service_and_an_unknown_one_is_reported_once() -> None:
    rules = rule(("user", "bob"))
    unknown = rule(("user", "carol"))
    both = Policy((*rules.allow, *unknown.allow, *unknown.allow), (), {})
    found = assign(registry({"name": "a", "user": "alice"}), both, ACCOUNTS, {}, root=True, lanes=1)
    key = found.launcher_for["bob", ""]
    assert (key[0].uid, set(found.specs[key])) == (902, {"a"})
    assert found.unknown == ("carol",)


def test_options_that_launchers_carry_out_are_kept_by_digest() -> None:
    rules = rule(("spawn", "/bin/true"), ("nice", "5"), ("rfc931", ""))
    found = assign(registry(), rules, ACCOUNTS, {}, root=True, lanes=1)
    assert sorted(found.options.values()) == [("nice", "5"), ("spawn", "/bin/true")]


def test_commands_have_a_launcher_of_their_own_where_a_user_is_set_for_them() -> None:
    found = assign(registry(policy={"hook_user": "bob"}), NO_RULES, ACCOUNTS, {}, root=True, lanes=2)
    assert found.command_launcher is not None
    assert found.command_launcher[0].uid == 902
    assert found.specs[found.command_launcher] == {}


def test_a_user_that_is_unknown_by_now_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="carol"):
        assign(registry({"name": "a", "user": "carol"}), NO_RULES, ACCOUNTS, {}, root=True, lanes=1)
