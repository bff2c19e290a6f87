"""Each key of superd.toml applies at a reload, or says that it needs a restart: none is kept in silence."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from superd.front.datagram.names import SenderNames
from superd.front.gate.conditions import FrontConditions
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


AT_RELOAD = "trips/test_settings_at_reload.py"
LOG = "log/test_routing.py::test_a_reload_applies_targets_facility_and_the_form_of_syslog"
APPLIES: dict[str, Any] = {
    # Parts of the front that keep the value.
    "process_limit": lambda: configured(FrontConditions(Settings()), "process_limit", 3).process_limit() == 3,
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
    "policy.facility": "log/test_log.py::test_a_reload_changes_the_facility_of_tcp_wrappers_own_line",
    "log.targets": LOG,
    "log.format": "log/test_routing.py::test_a_reload_changes_the_format_and_keeps_what_waits",
    "log.syslog_format": LOG,
    "log.facility": LOG,
    "log.queue": "log/test_routing.py::test_a_reload_changes_the_format_and_keeps_what_waits",
    # What the master reads anew at each reload, and uses from there.
    "services": f"{AT_RELOAD}::test_services",
    "xinetd": f"{AT_RELOAD}::test_xinetd",
    "inetd": f"{AT_RELOAD}::test_inetd_and_its_dialect",
    "inetd_dialect": f"{AT_RELOAD}::test_inetd_and_its_dialect",
    "policy.hosts_allow": f"{AT_RELOAD}::test_tables",
    "policy.hosts_deny": f"{AT_RELOAD}::test_tables",
    "policy.hook_user": f"{AT_RELOAD}::test_hook_user",
    "relays": "master/test_relay_pool.py::test_more_relays_after_a_reload_and_never_fewer_pairs",
    "control.admins": "trips/test_control.py::test_a_reload_changes_who_may_look",
    "control.viewers": "trips/test_control.py::test_a_reload_changes_who_may_look",
    "metrics.listen": "trips/test_metrics.py::test_metrics_are_what_happened_and_are_off_unless_configured",
    "metrics.allow": "master/test_control_socket.py::test_a_panel_that_lives_gets_at_once_who_may_ask_for_a_page",
    "page.listen": "trips/test_page.py::test_the_page_changes_nothing_and_goes_with_a_reload",
    "metrics.names": "panel/test_http.py::test_addresses_and_names_of_this_page_are_its_own",
    "page.names": "panel/test_http.py::test_addresses_and_names_of_this_page_are_its_own",
    "page.allow": "master/test_control_socket.py::test_a_panel_that_lives_gets_at_once_who_may_ask_for_a_page",
    "stop_grace": f"{AT_RELOAD}::test_stop_grace",
    "stop_sessions": f"{AT_RELOAD}::test_stop_sessions",
}
"""Key → a check that a reload applies it, or the test that holds it."""


def test_every_key_applies_or_needs_a_restart() -> None:
    assert {key for key, restart in keys(Settings) if not restart} == set(APPLIES)


def source_of(test: str) -> str:
    """Return the text of a test, with its cases."""
    path, _, name = test.partition("::")
    text = (ROOT / path).read_text()
    [found] = [
        node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    ]
    first = min([found.lineno, *(node.lineno for node in found.decorator_list)])
    return "\n".join(text.splitlines()[first - 1 : found.end_lineno])


@pytest.mark.parametrize("key", APPLIES)
def test_a_key_applies_at_a_reload(key: str) -> None:
    check = APPLIES[key]
    if isinstance(check, str):
        assert key.rpartition(".")[2] in source_of(check), f"{check} does not speak of `{key}`"
    else:
        assert check()


@pytest.mark.parametrize("key", [key for key, restart in keys(Settings) if restart])
def test_a_key_that_needs_a_restart_is_named(key: str) -> None:
    assert needing_restart(Settings(), Settings.model_validate(nested(key, "other"))) == (key,)
    assert needing_restart(Settings(), Settings(undecided=7)) == ()
