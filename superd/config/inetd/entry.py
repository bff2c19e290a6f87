"""One entry of an inetd.conf → the keys of a ``Service``, with the meaning its dialect gives them. Reads no file.

Sources: inetd(8) and inetd.c of the five inetds (``dialects``). Each part of an entry is read by one function, which gets
what it needs and returns its keys. Pure; any process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from superd.config.argv0 import argv0_problem
from superd.config.inetd.dialects import Dialect
from superd.config.inetd.key_value import Statement
from superd.config.inetd.lexer import Entry
from superd.config.inetd.old_unix import from_other_unix
from superd.frozen import frozen
from superd.problem import Problem, did_you_mean, note, warning
from superd.service import INTERNAL_PORTS

Keys = dict[str, Any]
_FLAG = "NOLIBWRAP"
_FOR_AS_LONG_AS_CLIENTS = 3600
"""Seconds in the queue: FreeBSD's inetd lets a client wait without end, but its system drops it before."""


@frozen
class Surroundings:
    """What an entry is read with. ``wrapped``: hosts.allow and hosts.deny are asked; ``programs`` lists a folder's names."""

    dialect: Dialect
    wrapped: bool
    names: Mapping[str, str]
    programs: Callable[[str], frozenset[str]]


@dataclass(slots=True)
class Made:
    """The keys of one entry, those that the entry itself says, and its protocol, which tells it from others of its name.

    With ``wrong`` it cannot be served: its keys are those of the fields that mean something.
    """

    keys: Keys
    said: frozenset[str]
    protocol: str
    problems: list[Problem]
    wrong: list[WrongField]


class WrongField(ValueError):
    """A field that means nothing, with the line or the field as it should be."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def read_entry(entry: Entry, around: Surroundings) -> Made:
    """The keys, with a ``name`` that others may have too, and every wrong field."""
    fields, dialect = entry.fields, around.dialect
    problems: list[Problem] = []
    wrong: list[WrongField] = []

    def warn(message: str, hint: str = "") -> None:
        problems.append(warning(entry.origin, message, hint))

    def part(read: Callable[[], Keys]) -> Keys:
        try:
            return read()
        except WrongField as one:
            wrong.append(one)
            return {}

    implied: Keys = {
        "stderr": "socket", "leftovers": "keep", "groups": True, "cps": None, "passenv": list(dialect.passenv),
        "log_on_success": [], "log_on_failure": ["HOST"],
    }  # fmt: skip
    own: Keys = {}
    if old := from_other_unix(fields):
        wrong.append(WrongField(*old))
    else:
        own |= part(lambda: _socket_type(fields.socktype, warn))
        accept = own.pop("accept", None)
        own |= part(lambda: _limits(fields, dialect, accept, warn))
        own |= part(lambda: _protocol(fields, around, own.get("socket_type"), warn))
        own |= part(lambda: _where(entry, around, own.pop("family", None)))
        own |= part(lambda: _user(fields, dialect, warn))
        own |= part(lambda: _program(entry, around, own, problems))
    return Made({**implied, **own}, frozenset(own), fields.protocol.partition(",")[0], problems, wrong)


def _socket_type(word: str, warn: Callable[..., None]) -> Keys:
    """The type, and as `accept` how many connections NetBSD takes at once."""
    kind, _, accept = word.partition(",")
    kind, colon, accept_filter = kind.partition(":")
    if colon or ":" in accept:
        accept = accept.partition(":")[0]
        warn(f"the accept filter `{accept_filter or word}` is ignored; Linux has none")
    if kind not in ("stream", "dgram", "seqpacket"):
        raise WrongField(f"socket type `{kind[:40]}` is not served", did_you_mean(kind, ("stream", "dgram", "seqpacket")))
    if accept and not (accept.isascii() and accept.isdecimal() and len(accept) < 10):
        raise WrongField(f"`{word[:40]}`: `{accept[:40]}` is not a number")
    return {"socket_type": kind, "accept": int(accept) if accept else None}


def _limits(fields: Statement, dialect: Dialect, accept: int | None, warn: Callable[..., None]) -> Keys:
    """Whether the program gets the listening socket, the keys that count programs, and the table of limits."""
    match = re.fullmatch(r"(wait|nowait)(?:([./:])(\d{1,9})(?:/(\d{1,9}))?(?:/(\d{1,9}))?)?", fields.wait, re.ASCII)
    if match is None:
        near = did_you_mean(fields.wait, ("wait", "nowait")) or "write `nowait`, or `wait` for a program that accepts for itself"
        raise WrongField(f"`{fields.wait[:40]}` is not wait or nowait", near)
    wait = match[1] == "wait"
    separator, *numbers = match[2], *(int(number) if number else 0 for number in match.groups()[2:])
    first, second, third = numbers
    if separator and separator not in dialect.separators:
        meant = _line(fields, wait=f"{match[1]}{dialect.separators[0]}{first}")
        raise WrongField(f"`{fields.wait}` is not written so in the inetd.conf of {dialect.name}", meant)
    if (second or third) and dialect.name != "freebsd":
        meant = _line(fields, wait=f"{match[1]}{separator}{first}")
        raise WrongField(f"`{fields.wait}`: {dialect.name} knows one number", meant)
    limits: Keys = {}
    counts: Keys = {"wait": wait}
    if fields.ip_max is not None:
        counts["per_source"] = fields.ip_max
    rate: int | None = None
    if dialect.name == "freebsd":
        accept = first or accept
        if second:
            limits["source_rate"] = [second / 60, second]
        if third:
            counts["per_source"] = third
    elif match[3] or fields.service_max is not None:
        rate = first if match[3] else fields.service_max
    if accept:
        counts["instances"] = accept
        if fields.socktype.startswith("stream") and not wait:
            counts |= {"at_limit": "wait", "queue_time": _FOR_AS_LONG_AS_CLIENTS}
        elif not wait:
            warn(f"above {accept} programs clients are refused; {dialect.name} let them wait")
    if rate and not wait:
        limits["per_minute"] = [max(rate - dialect.fewer, 1), dialect.pause]
    elif dialect.rate and not match[3] and fields.service_max is None and not wait and "source_rate" not in limits:
        # The daemon's default, which is not in the file, paused the whole service for one client that came too often.
        limits["source_rate"] = [round(dialect.rate / 60, 2), dialect.rate]
    return {**counts, "limits": limits} if limits else counts


def _protocol(fields: Statement, around: Surroundings, socket_type: str | None, warn: Callable[..., None]) -> Keys:
    """As `family` the addresses of a line that names none. ``socket_type`` is None where that field is wrong."""
    proto, *options = fields.protocol.split(",")
    others = [word for word in options if not re.match(r"(snd|rcv|recv)buf=", word)]
    if others:
        one = f"{proto.partition('/')[0]}/" if "/" in proto else ""
        warn(f"`{','.join(others)}` is ignored: a line has one protocol", f"write another line with `{one}{others[0]}`")
    elif options:
        warn(f"`{','.join(options)}` is ignored: superd leaves socket buffers to the kernel")
    if proto == "unix":
        return {}
    proto = proto.removeprefix("rpc/")
    match = re.fullmatch(r"(tcp|udp)(4|6|46|6only)?", proto)
    if match is None and re.fullmatch(r"(tcp|udp)(4|6|46|6only)?", proto.lower()):
        raise WrongField(f"protocol `{proto}` is written in small letters", _line(fields, protocol=fields.protocol.lower()))
    if match is None:
        raise WrongField(
            f"protocol `{proto[:40]}` is not served", did_you_mean(proto, ("tcp", "udp", "tcp4", "tcp6", "udp6", "unix"))
        )
    if socket_type is not None and (match[1] == "tcp") != (socket_type == "stream"):
        right = "dgram" if match[1] == "udp" else "stream"
        raise WrongField(f"`{proto}` does not go with `{socket_type}`", _line(fields, socktype=right))
    plain, six = around.dialect.plain, around.dialect.six
    by_family = {None: plain, "4": ("0.0.0.0",), "6": six, "46": ("*",), "6only": ("[::]",)}  # noqa: S104 - what the file says
    return {"family": by_family[match[2]]}


def _where(entry: Entry, around: Surroundings, family: tuple[str, ...] | None) -> Keys:
    """The service's name, and where it listens."""
    proto = entry.fields.protocol.partition(",")[0]
    service, types, keys = entry.fields.service, set[str](), Keys()
    if proto == "unix":
        return _unix(service, around.dialect)
    if proto.startswith("rpc/"):
        service, keys = _rpc(service)
        types.add("RPC")
    listen, service = _hosts(entry, service, family, around)
    keys |= {"name": service, "service": service, "type": types}
    if service.startswith("tcpmux/"):
        word = service.removeprefix("tcpmux/")
        types |= {"TCPMUXPLUS" if word.startswith("+") else "TCPMUX", "UNLISTED"}
        word = word.removeprefix("+")
        if not word:
            raise WrongField("`tcpmux/` without a name")
        return {**keys, "name": word, "service": word}
    if listen != ("*",):
        keys["listen"] = list(listen)
    if "RPC" not in types:
        keys["port"] = int(service) if service.isascii() and service.isdecimal() and len(service) < 10 else service
        if isinstance(keys["port"], int) and keys["port"] > 65535:
            raise WrongField(f"port `{service[:40]}` is above 65535")
    if not service:
        raise WrongField("no service is named")
    if match := re.fullmatch(r"([\w-]+)/(?:tcp|udp)6?", service, re.ASCII):
        where = entry.fields.service.removesuffix(service) + match[1]
        raise WrongField(f"`{service[:80]}` is neither a service nor a port", _line(entry.fields, service=where))
    return keys


def _rpc(service: str) -> tuple[str, Keys]:
    """The name of an RPC program, and its version. A number is the program's own."""
    name, slash, version = service.partition("/")
    if not slash or not re.fullmatch(r"\d{1,9}(-\d{1,9})?", version, re.ASCII):
        raise WrongField(f"`{service[:80]}` is not service/version", f"write `{name[:80]}/1`, with the program's version")
    keys: Keys = {"rpc_version": version, "port": 0}
    if name.isascii() and name.isdecimal() and len(name) < 11:
        keys["rpc_number"] = int(name)
    return name, keys


def _hosts(entry: Entry, service: str, family: tuple[str, ...] | None, around: Surroundings) -> tuple[tuple[str, ...], str]:
    """The addresses of an entry, and its service without them."""
    host, colon, name = service.rpartition(":")
    hosts = entry.default_hosts
    if colon:
        service = name
        hosts = () if host in ("*", "") else tuple(host.split(","))
    hosts = tuple(around.names.get(word.lower(), word) for word in hosts)
    if hosts:
        return tuple(f"[{word.strip('[]')}]" if ":" in word else word for word in hosts if word), service
    return family or around.dialect.plain, service


def _unix(path: str, dialect: Dialect) -> Keys:
    keys: Keys = {"socket_mode": "0200"} if dialect.name == "freebsd" else {}
    if path.startswith(":"):
        parts = path.split(":", 4)
        if len(parts) != 5:
            raise WrongField(f"`{path[:80]}` is not :user:group:mode:path")
        _, user, group, mode, path = parts
        keys |= {"socket_user": user, "socket_group": group}
        if mode:
            keys["socket_mode"] = mode
    base = path.rpartition("/")[2]
    return {**keys, "name": base, "service": base, "listen": [f"unix:{path}"], "type": set()}


def _user(fields: Statement, dialect: Dialect, warn: Callable[..., None]) -> Keys:
    text, slash, login_class = fields.user.partition("/")
    if slash:
        warn(f"the login class `{login_class}` is ignored: Linux has none", "use rlimit_*, umask and nice")
    user, group = text, fields.group
    if ":" in text:
        user, _, group = text.partition(":")
    elif "." in text and dialect.name != "freebsd":
        user, _, group = text.partition(".")
    if not user:
        raise WrongField("no user is named")
    if user.isdecimal() and dialect.name != "busybox":
        warn(
            f"user `{user[:40]}`: inetd knows users by name alone and did not serve the line; superd does",
            "write the user's name",
        )
    return {"user": user, "group": group} if group else {"user": user}


def _program(entry: Entry, around: Surroundings, where: Keys, problems: list[Problem]) -> Keys:
    """The program with its arguments and flags, or the internal service."""
    fields = entry.fields
    path, args = fields.server, list(fields.args)
    flags = set() if around.wrapped else {_FLAG}
    if path == "internal":
        return _internal(entry, where, flags, problems)
    flags.add("NAMEINARGS")
    if path.rpartition("/")[2] == "tcpd":
        # tcpd(8): argv[0] names the daemon; without a folder it is in REAL_DAEMON_DIR, /usr/sbin
        if not args:
            raise WrongField("`tcpd` without the program it guards", "name the program after it")
        path = args[0] if args[0].startswith("/") else f"/usr/sbin/{args[0]}"
        flags.discard(_FLAG)
        name = args[0].rpartition("/")[2]
        problems.append(note(entry.origin, f"tcpd is replaced by superd's own wrappers; the daemon name is `{name}`"))
    elif problem := argv0_problem(path, args, entry.origin, _with_argv0(entry)):
        problems.append(problem)
    problems += _odd_words(entry, around.dialect)
    if not path.startswith("/"):
        found = next((folder for folder in around.dialect.path if path in around.programs(folder)), "")
        if not found and did_you_mean(path, ("internal",)):
            raise WrongField(f"server `{path[:80]}` is not an absolute path", _line(fields, server="internal"))
        if not found:
            if around.dialect.path and "/" not in path:
                raise WrongField(
                    f"server `{path[:80]}` is in none of {' '.join(around.dialect.path)}", "write the path of the program"
                )
            meant = f"/usr/bin/{path.rpartition('/')[2]}"
            raise WrongField(f"server `{path[:80]}` is not an absolute path", _line(fields, server=meant))
        path = f"{found}/{path}"
    return {"server": path, "server_args": args or [path], "flags": flags}


def _odd_words(entry: Entry, dialect: Dialect) -> list[Problem]:
    """Warnings for arguments that were meant as a comment, or as one in quotes where the dialect has none."""
    fields = entry.fields
    comment = next((at for at, word in enumerate(fields.args) if word.startswith("#")), None)
    if comment is not None:
        what = f"`{' '.join(fields.args[comment:])[:80]}` are arguments: a comment begins in column 1"
        return [warning(entry.origin, what, _line(replace(fields, args=fields.args[:comment])))]
    if not dialect.quotes and (word := next((word for word in fields.args if word[0] in "\"'"), "")):
        what = f"`{word[:80]}`: the inetd of {dialect.name} knows no quotes, so they are part of the argument, and blanks end it"
        return [warning(entry.origin, what)]
    return []


def _with_argv0(entry: Entry) -> str:
    """The entry as it should be: argv[0] between the program and its arguments."""
    fields = entry.fields
    return _words(replace(fields, args=(fields.server.rpartition("/")[2], *fields.args)))


def _words(fields: Statement) -> str:
    words = (fields.service, fields.socktype, fields.protocol, fields.wait, fields.user, fields.server, *fields.args)
    return " ".join(words)


def _line(fields: Statement, **right: str) -> str:
    """A hint: the whole line with the right fields."""
    return f"write `{_words(replace(fields, **right))[:400]}`"  # type: ignore[arg-type]


def _internal(entry: Entry, where: Keys, flags: set[str], problems: list[Problem]) -> Keys:
    if "service" not in where:
        return {}
    name = str(where["service"]).lower()
    known = next((word for word, port in INTERNAL_PORTS.items() if str(port) == name), name)
    if known not in INTERNAL_PORTS:
        raise WrongField(f"no internal service `{name[:80]}`", f"one of {' '.join(INTERNAL_PORTS)}")
    keys: Keys = {"type": {*where["type"], "INTERNAL"}, "flags": flags, "service": known}
    if known != "auth":
        return keys
    options = list(entry.fields.args[1:])  # after argv[0], as inetd(8) of FreeBSD has them
    for word in ("-f", "-F"):
        if word in options:
            problems.append(
                warning(entry.origin, f"`{word}` is left out: superd does not read .fakeid files", f"remove `{word}`")
            )
            options = [option for option in options if option != word]
    return {**keys, "server_args": options}
