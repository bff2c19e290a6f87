"""inetd.conf of five inetds, or a folder of such files → ``Foreign``. Never reads the disk but through its reader.

A bad line is refused and never hides the next. A line that inetd would have served under a policy superd does not have
(IPsec, BSD login classes) is refused or said. Pure; any process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from pydantic import ValidationError

from superd.address import SocketType, parse_listen
from superd.config.foreign import FileReader, Foreign, fitted
from superd.config.inetd.dialects import DIALECTS, Detected, Name, detect
from superd.config.inetd.entry import Made, Surroundings, read_entry
from superd.config.inetd.lexer import Entry, EntryReader
from superd.problem import Origin, Problem, note, warning
from superd.service import Service

_DIALECT_KEY = "`inetd_dialect` in superd.toml (`import --dialect`) names another"
_BOTH = {"*": ("0.0.0.0", "[::]")}  # noqa: S104 - compared, not bound


@dataclass(slots=True)
class _Served:
    """One service so far. ``claims`` are the addresses it listens on, each with the protocol that took it."""

    service: Service
    origin: Origin
    said: frozenset[str]
    claims: dict[tuple[object, ...], str] = field(default_factory=dict)
    comments: tuple[str, ...] = ()
    id: str = ""
    """The name of its entry."""


Services = dict[str, _Served]
Claims = dict[tuple[object, ...], _Served]


def parse(path: str, files: FileReader, dialect: Name | Literal["auto"] = "auto") -> Foreign:
    """The services of ``path`` (a file, or a folder as inetutils reads one), and every problem."""
    reader = EntryReader(files)
    texts = reader.open(path)
    how = detect(reader.texts) if dialect == "auto" else Detected(dialect, dialect, DIALECTS[dialect].wrapped)
    reader.dialect = DIALECTS[how.name]

    @cache
    def programs(folder: str) -> frozenset[str]:
        try:
            return frozenset(files.list(folder))
        except OSError:
            return frozenset()

    around = Surroundings(reader.dialect, how.wrapped, reader.names, programs)
    found: Services = {}
    bound: Claims = {}
    for file, lines in texts:
        reader.read(file, lines)
        for entry in reader.entries:
            _serve(entry, around, reader, found, bound)
        reader.entries.clear()
    if dialect == "auto":
        reader.problems.append(_how_it_was_read(path, how, found))
    services = tuple(served.service for served in found.values())
    origins = {(name, ""): served.origin for name, served in found.items()}
    origins |= {(name, key): served.origin for name, served in found.items() for key in served.said}
    comments = {name: served.comments for name, served in found.items() if served.comments}
    renamed = {name: served.id for name, served in found.items() if served.id != name}
    problems = tuple(sorted(reader.problems, key=lambda problem: problem.origin))
    return fitted(Foreign(services, origins, problems, comments, renamed, tuple(reader.unserved)))


def _how_it_was_read(path: str, how: Detected, found: Services) -> Problem:
    """The note that names the dialect, what tells it, and what follows from it for hosts.allow and hosts.deny."""
    unasked = [name for name, served in found.items() if "NOLIBWRAP" in served.service.flags]
    if unasked:
        names = ", ".join(f"`{name}`" for name in unasked[:5]) + (f" and {len(unasked) - 5} more" if len(unasked) > 5 else "")
        so = f"hosts.allow and hosts.deny are not asked for {names}, which run without tcpd"
    else:
        so = "hosts.allow and hosts.deny are asked for every service"
    if not how.word:
        text = f"read as the inetd.conf of {how.name}, but nothing tells it from another: {so}"
        hint = f"{_DIALECT_KEY}; openbsd, inetutils and busybox asked them only through tcpd"
        return note(Origin(path), text, hint)
    return note(Origin(path), f"read as the inetd.conf of {how.name}, because of `{how.word[:40]}`: {so}", _DIALECT_KEY)


def _serve(entry: Entry, around: Surroundings, reader: EntryReader, found: Services, bound: Claims) -> None:
    """Add the service of one entry, under a name of its own."""
    origin = entry.origin
    if entry.fields.off:
        reader.problems.append(note(origin, f"`{entry.fields.service}` is off"))
        return
    made = read_entry(entry, around)
    own = str(made.keys.get("name", ""))
    service: Service | None = None
    if not made.wrong:
        made.keys["name"] = _another(made.keys["name"], made.keys["socket_type"], found)
    try:
        service = Service.model_validate(made.keys)
    except ValidationError as bad:
        for item in bad.errors(include_url=False):
            # Of an entry with a wrong field only the other fields' own values count: keys that miss it are its fault.
            if made.wrong and not (item["loc"] and item["loc"][0] in made.said):
                continue
            where = ".".join(str(part) for part in item["loc"]) or "entry"
            reader.fail(origin, f"`{where}`: {item['msg'].removeprefix('Value error, ')}")
    right_places = _right_places(made, reader, origin)
    for wrong in made.wrong:
        reader.fail(origin, str(wrong), wrong.hint)
    if service is None or made.wrong or not right_places:
        reader.unserved += [(key, str(made.keys[key]), origin) for key in ("user", "group", "server") if key in made.keys]
        return
    served = _Served(service, origin, made.said, _claims(service, made), entry.comments, own)
    if _settle(served, reader, found, bound):
        reader.problems += made.problems
        found[served.service.name] = served
        bound.update(dict.fromkeys(served.claims, served))


def _right_places(made: Made, reader: EntryReader, origin: Origin) -> bool:
    """Whether every address of an entry is one."""
    right = True
    for text in made.keys.get("listen", ()):
        try:
            parse_listen(text, SocketType.STREAM, 1)
        except ValueError as bad:
            reader.fail(origin, str(bad))
            right = False
    return right


def _claims(service: Service, made: Made) -> dict[tuple[object, ...], str]:
    """Each address of a service, and the protocol by which its inetd knows it there."""
    if service.mux_client or service.port == 0 or any(text.startswith("unix:") for text in service.listen):
        return {(service.socket_type, text): made.protocol for text in service.listen if text.startswith("unix:")}
    plain = re.sub(r"(4|6|46|6only)$", "", made.protocol)
    claims: dict[tuple[object, ...], str] = {}
    for host in service.listen or ("*",):
        for one in _BOTH.get(host, (host,)):
            # OpenBSD's `tcp` is a line `tcp` and a line `tcp6`.
            split = host == "*" and made.protocol == plain and one == "[::]"
            claims[service.socket_type, service.port, one] = f"{plain}6" if split else made.protocol
    return claims


def _settle(served: _Served, reader: EntryReader, found: Services, bound: Claims) -> bool:
    """Whether an entry is left with an address. Of one service and protocol the last line wins; else who came first.

    So do the inetds: a line of the same service and protocol replaces the one before, any other finds the address in use.
    """
    first: _Served | None = None
    yielding: dict[str, _Served] = {}
    for claim, protocol in list(served.claims.items()):
        owner = bound.get(claim)
        if owner is None:
            continue
        if owner.service.service == served.service.service and owner.claims[claim] == protocol:
            del owner.claims[claim]
            yielding[owner.service.name] = owner
        else:
            del served.claims[claim]
            first = first or owner
    for owner in yielding.values():
        _yield(owner, served, reader, found)
    if first is None:
        return True
    place = f"`{first.service.name}` at {first.origin}"
    if not served.claims:
        reader.fail(served.origin, f"`{served.service.name}` listens where {place} does", "remove one of the two lines")
        return False
    served.service = _listening(served)
    text = f"listens on {_places(served)} alone: {place} has the rest"
    if reader.dialect.name == "inetutils":
        # Its `tcp6` takes IPv4 too, so its bind(2) fails: what superd serves here was closed.
        text += "; inetutils found the address in use and served nothing for this line"
        reader.problems.append(warning(served.origin, text, "remove this line, or write `tcp6only` if it is meant"))
    else:
        reader.problems.append(note(served.origin, text))
    return True


def _yield(owner: _Served, served: _Served, reader: EntryReader, found: Services) -> None:
    """``owner`` has lost addresses to ``served``, the later line: maybe all of them."""
    if owner.claims:
        owner.service = _listening(owner)
        text = f"listens on {_places(owner)} alone: {served.origin} has the other family, as in inetd"
        reader.problems.append(note(owner.origin, text))
        return
    name = owner.service.name
    del found[name]
    text = f"{served.origin} replaces this line, as in inetd: same service, same protocol"
    reader.problems.append(warning(owner.origin, text, "remove this line"))
    if served.service.name.startswith(f"{name}-"):
        served.service = served.service.model_copy(update={"name": name})


def _listening(served: _Served) -> Service:
    hosts = [str(claim[-1]) for claim in served.claims]
    return served.service.model_copy(update={"listen": () if hosts == list(_BOTH["*"]) else tuple(hosts)})


def _places(served: _Served) -> str:
    return ", ".join(f"`{claim[-1]}`" for claim in served.claims)


def _another(name: str, socket_type: str, found: Services) -> str:
    """The name if it is free, else one that says more."""
    candidate, number = name, 1
    while candidate in found:
        candidate = f"{name}-{socket_type}" + (f"-{number}" if number > 1 else "")
        number += 1
    return candidate
