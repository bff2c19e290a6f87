"""The keys that one service sets and that have no effect for its kind, and the service without them.

Runs in the master and in the operator's commands. Never reads a file; the caller reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from superd.address import SocketType
from superd.frozen import frozen
from superd.service_kinds import CLOSING, DGRAM, EXCEPTIONS, KINDS, NETWORK, NO_LIMIT, NO_QUEUE, TABLE, UNIX, Kind, paths_of

if TYPE_CHECKING:
    from superd.service import Service

USER_WORDS = ("uid:", "gid:")
"""How a word of `only_from` and `no_access` begins that names the user of a unix socket's client."""
_NAMED = {kind: frozenset(key.partition(" ")[0].partition(".")[0] for key in keys) for kind, keys in TABLE.items()}
"""The keys and tables of a service that are named for each kind: few services set any."""
_CHANGE = {NETWORK: 'give it a path, `listen = "unix:/PATH"`', NO_LIMIT: "add the line `instances = 20`"}
"""What to change where a key is missing."""


@frozen
class Conflict:
    """``key`` does nothing for ``kind``. ``key`` may be a word of a key, as in ``flags IDONLY``, or one of a table."""

    key: str
    kind: Kind
    why: str
    instead: str = ""

    @property
    def closes(self) -> bool:
        """Whether the service would admit more clients without the key, so that superd may not leave it out."""
        return self.key in CLOSING

    @property
    def message(self) -> str:
        """Names both keys."""
        verb = "cannot be kept" if self.closes else "has no effect"
        return f"`{self.key}` {verb} with {self.kind.key}: {self.why}"

    @property
    def hint(self) -> str:
        """What to change."""
        remedy = "or guard the port with a firewall" if self.closes else f"or remove `{self.key}`"
        change = _CHANGE.get(self.kind, f"change {self.kind.key}")
        return self.instead or f"{change}, {remedy}"


def conflicts(service: Service) -> Iterator[Conflict]:
    """Every key that the service sets and that has no effect for it."""
    given = frozenset(service.model_fields_set)
    for kind in _concerned(given):
        if not kind.has(service):
            continue
        for key, why in TABLE[kind].items():
            works = EXCEPTIONS.get((kind, key))
            if is_set(service, key) and not (works is not None and works(service)):
                waits = kind is NO_QUEUE and "at_limit" not in given
                yield Conflict(key, kind, why, 'add the line `at_limit = "wait"`' if waits else "")
    yield from _of_addresses(service)


@lru_cache(maxsize=1024)
def _concerned(given: frozenset[str]) -> tuple[Kind, ...]:
    """Return the kinds for which one of these keys may have no effect: many services set the same keys."""
    return tuple(kind for kind in KINDS if not _NAMED[kind].isdisjoint(given))


def is_set(service: Service, key: str) -> bool:
    """Whether the key, the word of a key or the key of a table says something else than its default."""
    name, space, word = key.partition(" ")
    table, dot, inner = key.partition(".")
    if (table if dot else name) not in service.model_fields_set:
        return False
    if space:
        return word in getattr(service, name) and word not in default_of(type(service), name)
    if dot:
        own = getattr(service, table)
        return bool(getattr(own, inner) != default_of(type(own), inner))
    return bool(getattr(service, key) != default_of(type(service), key))


def default_of(model: type[BaseModel], key: str) -> Any:
    """Return what the key of a model is where nothing sets it."""
    return model.model_fields[key].get_default(call_default_factory=True)


def fit(service: Service, loose: Callable[[str], bool]) -> tuple[Service, tuple[Conflict, ...]]:
    """The service without those keys that have no effect for it, and these.

    Only keys are left out that are ``loose``: said for many services at once, or by a file of another daemon. A key that
    closes the service is never left out; ``conflicts`` goes on to name it.
    """
    left_out = tuple(item for item in conflicts(service) if not item.closes and loose(item.key))
    update: dict[str, object] = {}
    for item in left_out:
        name, space, word = item.key.partition(" ")
        table, dot, inner = item.key.partition(".")
        if space:
            chosen = update.get(name, getattr(service, name))
            assert isinstance(chosen, frozenset)
            update[name] = chosen - {word}
        elif dot:
            own = update.get(table, getattr(service, table))
            assert isinstance(own, BaseModel)
            update[table] = own.model_copy(update={inner: default_of(type(own), inner)})
        else:
            update[name] = default_of(type(service), name)
    return (service.model_copy(update=update) if update else service), left_out


def _of_addresses(service: Service) -> Iterator[Conflict]:
    """``only_from`` and ``no_access`` whose words cannot match any client that could come."""
    paths = paths_of(service)
    if service.proxy_protocol:
        return  # its clients have the addresses that proxies announce
    for key, words in (("only_from", service.only_from or ()), ("no_access", service.no_access)):
        users = [word for word in words if word.lower().startswith(USER_WORDS)]
        others = [word for word in words if word not in users and word.upper() != "ALL"]
        if others and paths and all(paths):
            why = f"its client has a user and no address, so `{others[0]}` never matches"
            yield Conflict(key, UNIX, why, "write `uid:NAME`, `gid:NAME` or `ALL`")
        if users and paths and not any(paths):
            yield Conflict(key, NETWORK, f"only the client of a unix socket has a user, so `{users[0]}` never matches")
        if users and any(paths) and service.socket_type is SocketType.DGRAM:
            yield Conflict(key, DGRAM, f"a datagram does not say which user sent it, so `{users[0]}` never matches")
