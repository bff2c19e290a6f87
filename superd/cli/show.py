"""``superd show``: the effective configuration as TOML, each value with the place it was written.

Runs in: the operator's commands. Shows no variable of an ``env_file``: it never reads one.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from pydantic import BaseModel

from superd.cli.problem_text import print_problems
from superd.config.toml.render import TABLES, file_values
from superd.config.toml.values import as_toml
from superd.errors import ConfigError
from superd.load.services import read
from superd.load.sources import Sources
from superd.registry import Registry
from superd.safe_text import safe
from superd.service import Service

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SET_BY_THE_FORMAT = frozenset({"stderr", "log_style", "passenv", "groups", "cps", "flags", "log_on_success", "log_on_failure"})
"""Keys that every entry of another daemon's file has as that daemon meant them, said or not."""


def show(sources: Sources, name: str | None, *, as_json: bool) -> int:
    """Prints one service or all. Returns 0, 1 for a name that is not served, 78 for errors."""
    try:
        registry, _ = read(sources)
    except ConfigError as refused:
        print_problems(refused.problems)
        return 78
    services = {key: service for key, service in registry.services.items() if name in (None, key)}
    if not services and name is not None:
        place = registry.origins.get((name, ""))
        why = f"service `{safe(name)}` is disabled ({place})" if place is not None else f"no service `{safe(name)}`"
        sys.stderr.write(f"superd: error: {why}\n")
        return 1
    if as_json:
        sys.stdout.write(json.dumps({service.name: _json(service) for service in services.values()}, indent=1) + "\n")
    else:
        print_services(Registry(services, registry.settings, registry.origins))
    return 0


def _json(service: Service) -> dict[str, Any]:
    return {**service.model_dump(mode="json"), "env": dict(service.env)}


def print_services(registry: Registry) -> None:
    """Every service of the registry as a table of TOML, in the keys of its file."""
    for service in registry.services.values():
        sys.stdout.write(text_of(service, registry) + "\n")
    sys.stdout.flush()


def text_of(service: Service, registry: Registry) -> str:
    """One service as a table of TOML. What was not written, and is its default, is left out."""
    title = service.name if _BARE.fullmatch(service.name) else as_toml(service.name)
    lines = [f"[{title}]"]
    for key, shown in file_values(service).items():
        written = registry.origins.get((service.name, key))
        value = service.proto if key == "protocol" else shown
        default = Service.model_fields[key].get_default(call_default_factory=True)
        if value in (None, "") or (written is None and getattr(service, key) == default):
            continue
        lines.append(_line(key, value, _origin(service, key, registry)))
    for name in TABLES:
        if differing := _differing(getattr(service, name)):
            lines += [f"[{title}.{name}]"]
            lines += [_line(key, value, _origin(service, f"{name}.{key}", registry)) for key, value in differing.items()]
    return "\n".join(lines) + "\n"


def _differing(table: BaseModel) -> dict[str, Any]:
    """The keys of a table that are not at their default, as JSON has them; of a table in it the same."""
    given, default = table.model_dump(mode="json"), type(table)().model_dump(mode="json")
    found = {key: value for key, value in given.items() if value != default[key]}
    return {
        key: _differing(inner) if isinstance(inner := getattr(table, key), BaseModel) else value for key, value in found.items()
    }


def _line(key: str, value: Any, origin: str) -> str:
    return f"{key} = {as_toml(value)}  # {' '.join(safe(origin, 4000).split())}"


def _origin(service: Service, key: str, registry: Registry) -> str:
    """Where a value comes from: its line, that of its table, or why it is what it is without one."""
    origins, name = registry.origins, service.name
    written = origins.get((name, key)) or origins.get((name, key.partition(".")[0]))
    whole = origins.get((name, ""))
    if written is not None:
        return str(written)
    if key == "port":
        return "/etc/services"
    if key == "listen" and (flags := origins.get((name, "flags"))) is not None:
        return str(flags)
    if whole is None or whole.file.endswith(".toml"):
        return "default"
    return f"{whole}, as that daemon has it" if key in _SET_BY_THE_FORMAT else str(whole)
