"""``superd diff OLD NEW``: what would be served otherwise, key by key, with the place of each new value.

Runs in: the operator's commands. Never: starts or changes anything.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from superd.cli.problem_text import print_problems
from superd.config.toml.render import every_value
from superd.config.toml.values import item
from superd.errors import ConfigError
from superd.exit_status import EX_CONFIG
from superd.frozen import frozen
from superd.load.registry import load
from superd.load.sources import Sources
from superd.registry import Registry
from superd.safe_text import safe
from superd.service import Service
from superd.settings import Settings

MAX_VALUE = 60
"""Characters of a value that are shown."""


@frozen
class Change:
    """One difference. ``sign`` is + (only in the new one), - (only in the old one) or ~; ``name`` is a service or superd.toml."""

    sign: str
    name: str
    key: str = ""
    old: Any = None
    new: Any = None
    where: str = ""


def diff(old: Sources, new: Sources, *, as_json: bool) -> int:
    """Print the differences. Returns 0 for none, 1 for some, 78 when one of the two has errors."""
    registries = []
    for sources in (old, new):
        try:
            registries.append(load(sources)[0])
        except ConfigError as refused:
            print_problems(refused.problems)
            return EX_CONFIG
    changes = list(changes_of(*registries))
    if as_json:
        sys.stdout.write(json.dumps([_plain(change) for change in changes], indent=1) + "\n")
    else:
        sys.stdout.write(text_of(changes))
    return 1 if changes else 0


def changes_of(old: Registry, new: Registry) -> Iterator[Change]:
    """Yield each difference: settings first, then services in the order of their names."""
    for key, before, after in _differing(_settings(old.settings), _settings(new.settings)):
        yield Change("~", "superd.toml", key, before, after)
    for name in sorted({*old.services, *new.services}):
        before_service, after_service = old.services.get(name), new.services.get(name)
        if after_service is None:
            yield Change("-", name, new=_addresses(old.services[name]), where=_where(new, name, ""))
        elif before_service is None:
            yield Change("+", name, new=_addresses(after_service), where=_where(new, name, ""))
        else:
            for key, before, after in _differing(every_value(before_service), every_value(after_service)):
                yield Change("~", name, key, before, after, _where(new, name, key))


def text_of(changes: list[Change]) -> str:
    """The differences as lines, or that there are none."""
    if not changes:
        return "no difference\n"
    rows: list[tuple[str, str, str]] = []
    last = ""
    for change in changes:
        first = f"{change.sign} {change.name}" if change.name != last else ""
        last = change.name if change.sign == "~" else ""
        rows.append((first, _said(change), change.where))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() + "\n" for a, b, c in rows)


def _said(change: Change) -> str:
    if change.sign != "~":
        return safe(str(change.new))
    return f"{change.key} {_shown(change.old)} → {_shown(change.new)}"


def _shown(value: Any) -> str:
    if value is None:
        return "unset"
    text = safe(item(value).as_string(), 4000)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"


def _plain(change: Change) -> dict[str, Any]:
    word = {"+": "opened", "-": "closed", "~": "changed"}[change.sign]
    return {
        "change": word,
        "service": change.name,
        "key": change.key,
        "old": change.old,
        "new": change.new,
        "where": change.where,
    }


def _settings(settings: Settings) -> dict[str, Any]:
    values = settings.model_dump(mode="json")
    tables = {key for key, value in values.items() if isinstance(value, dict)}
    flat = {key: value for key, value in values.items() if key not in tables}
    return flat | {f"{table}.{key}": value for table in tables for key, value in values[table].items()}


def _differing(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key, value in new.items():
        if old[key] != value:
            yield key, old[key], value


def _addresses(service: Service) -> str:
    return " ".join(map(str, service.addresses())) or "through tcpmux"


def _where(registry: Registry, name: str, key: str) -> str:
    place = registry.origins.get((name, key)) or registry.origins.get((name, ""))
    return safe(str(place)) if place is not None else ""
