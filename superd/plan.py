"""What a reload does to the listeners: a pure comparison of two registries. Opens and closes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from superd.address import SocketType
from superd.frozen import frozen

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.registry import Registry
    from superd.service import Service


MOST_NAMES = 8
"""Services, or keys of one, that a line about a reload names."""


@frozen
class Plan:
    """Addresses to open, to point at another (or changed) service, to close, and to leave alone.

    ``renew`` are those of ``retarget`` that a `wait` program has had and that superd accepts from now: they need another socket.
    """

    open: tuple[tuple[BindAddress, Service], ...]
    retarget: tuple[tuple[BindAddress, Service], ...]
    close: tuple[BindAddress, ...]
    keep: tuple[tuple[BindAddress, Service], ...]
    renew: frozenset[BindAddress] = frozenset()

    def summary(self) -> str:
        """Return the counts of addresses, in words."""
        return f"{len(self.open)} opened, {len(self.keep)} kept, {len(self.retarget)} changed, {len(self.close)} closed"


def plan(old: Registry, new: Registry) -> Plan:
    """Return how to come from ``old`` to ``new``: keyed by address, so services that swap ports need no bind at all.

    A socket whose own options changed (backlog, mode, owner) is retargeted too: those are set on the open socket.
    """
    before, after = old.by_address(), new.by_address()
    return Plan(
        open=tuple((address, service) for address, service in after.items() if address not in before),
        retarget=tuple(
            (address, service) for address, service in after.items() if address in before and before[address] != service
        ),
        close=tuple(address for address in before if address not in after),
        keep=tuple((address, service) for address, service in after.items() if before.get(address) == service),
        renew=frozenset(
            address
            for address, service in after.items()
            if address in before
            and before[address].hands_over
            and not service.hands_over
            and address.socket_type is not SocketType.DGRAM
        ),
    )


def describe_changes(old: Registry, changes: Plan, new: Registry) -> dict[str, object]:
    """Return what a reload changes, service by service, as plain values: opened, changed with the keys, closed, kept."""
    opened = [_whole(new, name) for name in new.services if name not in old.services]
    closed = [_whole(old, name) for name in old.services if name not in new.services]
    changed: list[dict[str, object]] = []
    for name, service in new.services.items():
        before = old.services.get(name)
        if before is None or before == service:
            continue
        changed.append({"service": name, "keys": _keys(before.model_dump(mode="json"), service.model_dump(mode="json"))})
    kept = len(new.services) - len(opened) - len(changed)
    return {"opened": opened, "changed": changed, "closed": closed, "kept": kept, "addresses": changes.summary()}


def summary(described: Mapping[str, Any]) -> str:
    """Return ``describe_changes`` as a line: which services were opened, changed (in which keys) and closed."""
    parts = []
    for word in ("opened", "changed", "closed"):
        names = [f"`{item['service']}`{_changed_keys(item.get('keys', ()))}" for item in described[word]]
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        if names:
            parts.append(f"{word} {' '.join(names[:MOST_NAMES])}{more}")
    return ", ".join([*(parts or ["nothing changed"]), f"{described['kept']} kept"])


def _changed_keys(keys: Sequence[Mapping[str, Any]]) -> str:
    names = [str(item["key"]) for item in keys[:MOST_NAMES]]
    return f" ({', '.join(names)}{', …' if len(keys) > MOST_NAMES else ''})" if names else ""


def _whole(registry: Registry, name: str) -> dict[str, object]:
    return {"service": name, "addresses": [address.describe() for address in registry.services[name].addresses()]}


def _keys(old: dict[str, Any], new: dict[str, Any], before: str = "") -> list[dict[str, object]]:
    """Return the keys that differ, with their values as files have them."""
    found: list[dict[str, object]] = []
    for key, value in new.items():
        was = old.get(key)
        if was == value:
            continue
        if isinstance(was, dict) and isinstance(value, dict):
            found += _keys(was, value, f"{before}{key}.")
        else:
            found.append({"key": before + key, "old": was, "new": value})
    return found
