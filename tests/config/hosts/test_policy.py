"""The bytes of both tables become one policy, or none at all."""

from __future__ import annotations

import pytest

from superd.config.hosts.policy import parse_policy
from superd.errors import ConfigError
from superd.policy_snapshot import PolicySnapshot


def snapshot(allow: bytes | None, deny: bytes | None, closed: str = "") -> PolicySnapshot:
    return PolicySnapshot(("", ""), "/etc/hosts.allow", "/etc/hosts.deny", allow, deny, {"/list": b"192.0.2.1\n"}, closed)


def test_absent_tables_are_empty_and_lists_go_along() -> None:
    policy, problems = parse_policy(snapshot(None, None))
    assert (policy.allow, policy.deny, policy.files, problems) == ((), (), {"/list": b"192.0.2.1\n"}, ())


def test_an_error_in_hosts_deny_makes_no_policy_and_one_in_hosts_allow_grants_nothing() -> None:
    with pytest.raises(ConfigError, match=r"hosts\.deny"):
        parse_policy(snapshot(b"", b"ALL ALL\n"))
    policy, problems = parse_policy(snapshot(b"ALL ALL\n", b"ALL: ALL\n"))
    assert policy.allow == ()
    assert len(policy.deny) == 1
    assert problems


def test_a_hosts_deny_that_cannot_be_used_refuses_every_client_that_reaches_it() -> None:
    policy, _ = parse_policy(snapshot(b"in.ftpd: 192.0.2.1\n", b"", "is a folder"))
    (rule,) = policy.deny
    assert (rule.daemons, rule.clients) == (("ALL",), ("ALL",))
    assert "is a folder" in rule.options[0].error
    assert len(policy.allow) == 1
