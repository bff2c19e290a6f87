"""Each key of superd.toml applies at a reload, or says that it needs a restart: none is kept in silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from superd.front.datagram.names import SenderNames
from superd.front.gate.conditions import World
from superd.front.gate.waiting_room import WaitingRoom
from superd.front.in_force import InForce
from superd.net.resolve import Resolver
from superd.settings import Settings, needing_restart
from tests.front.programs.test_commands import made
from tests.front.test_in_force import order

ROOT = Path(__file__).parent


def keys(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, bool]]:
    """Every key with its tables, and whether it needs a restart."""
    for key, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{before}{key}.")
        else:
            extra = field.json_schema_extra
            yield before + key, bool(isinstance(extra, dict) and extra.get("restart"))


def nested(key: str, value: Any) -> dict[str, Any]:
    table, dot, rest = key.partition(".")
    return {table: nested(rest, value) if dot else value}


def live(key: str, value: Any) -> Any:
    """What the front finds under ``settings.`` after a reload: parts that look there each time need nothing else."""
    force = InForce(Settings())
    force.apply(order(Settings.model_validate(nested(key, value))), [])
    found: Any = force.settings
    for part in key.split("."):
        found = getattr(found, part)
    return found


def configured(part: Any, key: str, value: Any) -> Any:
    """A part of the front after a reload."""
    force = InForce(Settings())
    force.configures((part,))
    force.apply(order(Settings.model_validate(nested(key, value))), [])
    return part


APPLIES: dict[str, Any] = {
    # Parts of the front that keep the value.
    "process_limit": lambda: configured(World(Settings()), "process_limit", 3).process_limit() == 3,
    "undecided": lambda: configured(WaitingRoom(), "undecided", 3)._limit == 3,
    "policy.hooks_at_once": lambda: configured(made()[1], "policy.hooks_at_once", 3)._limit == 3,
    "policy.lookups_at_once": lambda: (
        configured(Resolver(), "policy.lookups_at_once", 32)._places._all.total_tokens == 32
        and configured(SenderNames(Resolver(), lambda *_: None), "policy.lookups_at_once", 32)._limit == 2
    ),
    "policy.decide_timeout": lambda: (
        configured(Resolver(), "policy.decide_timeout", 2)._deadline == 1.8 and live("policy.decide_timeout", 2) == 2
    ),
    # Parts of the front that look at what is in force each time.
    "policy.hook_timeout": lambda: live("policy.hook_timeout", 3) == 3,
    "policy.ident_timeout": lambda: live("policy.ident_timeout", 3) == 3,
    "policy.banner_timeout": lambda: live("policy.banner_timeout", 3) == 3,
    # The log, in the master and in the front.
    "policy.facility": "log/test_log.py",
    "log.targets": "log/test_routing.py",
    "log.format": "log/test_routing.py",
    "log.syslog_format": "log/test_routing.py",
    "log.facility": "log/test_routing.py",
    "log.queue": "log/test_routing.py",
    # What the master reads anew at each reload, and uses from there.
    "services": "trips/test_reload.py",
    "xinetd": "trips/test_xinetd_command.py",
    "inetd": "trips/test_wrong_entries.py",
    "inetd_dialect": "load/test_services.py",
    "policy.hosts_allow": "trips/test_policy_files.py",
    "policy.hosts_deny": "trips/test_policy_files.py",
    "policy.hook_user": "master/test_assignment.py",
    "relays": "master/test_relay_pool.py",
    "control.admins": "trips/test_control.py",
    "control.viewers": "trips/test_control.py",
    "metrics.listen": "trips/test_metrics.py",
    "metrics.allow": "trips/test_metrics.py",
    "page.listen": "trips/test_page.py",
    "page.allow": "trips/test_page.py",
    "stop_grace": "trips/test_end.py",
    "stop_sessions": "trips/test_end.py",
}
"""Key → a check that a reload applies it, or the tests that hold it."""


def test_every_key_applies_or_needs_a_restart() -> None:
    assert {key for key, restart in keys(Settings) if not restart} == set(APPLIES)


@pytest.mark.parametrize("key", APPLIES)
def test_a_key_applies_at_a_reload(key: str) -> None:
    check = APPLIES[key]
    assert (ROOT / check).exists() if isinstance(check, str) else check()


@pytest.mark.parametrize("key", [key for key, restart in keys(Settings) if restart])
def test_a_key_that_needs_a_restart_is_named(key: str) -> None:
    assert needing_restart(Settings(), Settings.model_validate(nested(key, "other"))) == (key,)
    assert needing_restart(Settings(), Settings(undecided=7)) == ()
