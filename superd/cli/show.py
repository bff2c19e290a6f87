"""``superd show``: the effective configuration, each value with the place it was written."""

from __future__ import annotations

import json
import sys

from superd.cli.diagnostics import print_problems
from superd.errors import ConfigError
from superd.load.services import read
from superd.load.sources import Sources
from superd.registry import Registry
from superd.service import Service


def show(sources: Sources, name: str | None, *, as_json: bool) -> int:
    """Prints one service or all. Returns 0, 1 for a name that is not there, 78 for errors."""
    try:
        registry, _ = read(sources)
    except ConfigError as refused:
        print_problems(refused.problems)
        return 78
    services = {key: service for key, service in registry.services.items() if name in (None, key)}
    if not services and name is not None:
        sys.stderr.write(f"superd: error: no service `{name}`\n")
        return 1
    if as_json:
        plain = {service.name: service.model_dump(mode="json") for service in services.values()}
        sys.stdout.write(json.dumps(plain, indent=1) + "\n")
    else:
        print_services(Registry(services, registry.settings, registry.origins))
    return 0


def print_services(registry: Registry) -> None:
    """Every service of the registry as text, in the keys of its file."""
    for service in registry.services.values():
        sys.stdout.write(f"[{service.name}]\n")
        values = service.model_dump(mode="json")
        for key in Service.model_fields:
            if key == "name":
                continue
            origin = registry.origins.get((service.name, key))
            default = Service.model_fields[key].get_default(call_default_factory=True)
            if origin is None and getattr(service, key) == default:
                continue
            shown = json.dumps(values[key], ensure_ascii=False)
            sys.stdout.write(f"{key} = {shown}  # {origin or 'default'}\n")
        sys.stdout.write("\n")
    sys.stdout.flush()
