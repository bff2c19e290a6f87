"""Everything an admin wrote → a ``Registry``, or all that is wrong with it. The one place in ``config/`` that reads files."""

from __future__ import annotations

import grp
import os
import pwd
import re
import socket
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from superd.config.checks.services import Host, check, check_kinds
from superd.config.foreign import Foreign, has_left
from superd.config.grammar import grammar_of
from superd.config.live_defaults import with_defaults
from superd.config.rpc_names import parse_rpc
from superd.config.toml.service_file import Keys, make_service, merge, parse_toml
from superd.config.toml.settings_file import parse_settings
from superd.errors import ConfigError
from superd.load.access_words import check_access_words
from superd.problem import Origin, Problem, error, errors, note, warning
from superd.registry import Registry
from superd.service import BUILTIN_PORTS, Service
from superd.service_kinds import USER_WORDS, fit
from superd.settings import Settings
from superd.system.trusted_file import Untrusted, read_trusted

VENDOR = "/usr/lib/superd/services.d"
ADMIN = "/etc/superd/services.d"
MAIN = "/etc/superd/superd.toml"
MAX_FILES = 20000
"""Files in one folder."""

_SKIPPED_ENDS = ("~", ".rpmnew", ".rpmsave", ".rpmorig", ".swp", ".bak")


@dataclass(frozen=True, slots=True)
class Sources:
    """What the command line named. ``config``: superd.toml, or a file of any other grammar; ``services``: folders, lowest first.

    ``inetd`` are inetd.conf files to read as well, where they exist. ``single`` is one service's file, read by itself.
    """

    config: str = ""
    services: tuple[str, ...] = ()
    hosts_allow: str | None = None
    hosts_deny: str | None = None
    inetd: tuple[str, ...] = ()
    single: str = ""


@dataclass(slots=True)
class _Found:
    """One service while its files are put together."""

    keys: Keys
    origins: dict[str, Origin]
    whole: Origin
    broken: bool = False


class Files:
    """The files of a host, read with the care that root needs."""

    def __init__(self, *, root: bool) -> None:
        self._root = root
        self._safe: set[str] = set()
        """Folders above a file that was read: the next one there needs no second look."""

    def read(self, path: str) -> bytes:
        """The content of one file. Raises ``OSError``."""
        return read_trusted(path, root=self._root, safe=self._safe)

    def list(self, path: str) -> list[str]:
        """The names in one folder. Raises ``OSError``."""
        return os.listdir(path)


def read(sources: Sources, *, keep_going: bool = False) -> tuple[Registry, tuple[Problem, ...]]:
    """The registry and the warnings. Raises ``ConfigError`` with all problems when there is an error.

    With ``keep_going`` the right services are in the registry and the errors of the others among the problems. So it is
    with another daemon's files even without: that daemon served the entries beside a wrong one, and its hosts count on it.
    """
    root = os.geteuid() == 0
    files = Files(root=root)
    problems: list[Problem] = []
    settings, defaults, default_origins, foreign_file = _settings(sources, files, problems)
    single = sources.single or (foreign_file if _is_single(foreign_file, files) else "")
    foreign_file = "" if single else foreign_file
    folders = sources.services or (() if single else settings.services or (() if foreign_file else (VENDOR, ADMIN)))
    found: dict[str, _Found] = {}
    if single and (alone := _read_one(single, files, problems)) is not None:
        found[os.path.basename(single).removesuffix(".toml")] = alone
    for folder in folders:
        _read_folder(folder, files, found, problems, named=bool(sources.services or settings.services))
    services: dict[str, Service] = {}
    broken: set[str] = set()
    origins: dict[tuple[str, str], Origin] = {}
    ports = _Ports()
    for name, entry in sorted(found.items()):
        if entry.broken:
            continue
        keys = merge(defaults, entry.keys)
        places = {**default_origins, **entry.origins}
        service, wrong = make_service(name, ports.resolve(name, keys), places, entry.whole)
        problems += wrong
        if errors(wrong):
            broken.add(name)  # checked on, so that all that is wrong is said at once, and never served
        origins[name, ""] = entry.whole
        origins.update({(name, key): place for key, place in places.items()})
        if service is not None and not service.disable:
            service = _fitting(service, entry.origins)
            problems += check_kinds(service, origins)
            if errors(wrong) and service.port is None and not service.listen:
                service = service.model_copy(update=_SOMEWHERE)
            services[name] = _resolved(service, files)
    more = _there(sources.inetd, problems)
    foreign_files = _read_foreign(settings, foreign_file, more, files, services, origins, problems, (defaults, default_origins))
    broken |= _compile(services, origins, problems)
    problems += check_access_words(services, origins)
    problems += check(services, origins, _host(root))
    problems.sort(key=lambda problem: problem.origin)
    wrong_places = {problem.origin for problem in errors(problems)}
    if wrong_places:
        ours = any(place.file not in foreign_files for place in wrong_places)
        if ours and not keep_going:
            raise ConfigError(tuple(problems))
        broken |= {name for (name, _), place in origins.items() if place in wrong_places}
        services = {name: service for name, service in services.items() if name not in broken}
        if not services and not keep_going:
            raise ConfigError(tuple(problems))
    return Registry(MappingProxyType(services), settings, origins), tuple(problems)


def _fitting(service: Service, own: Mapping[str, Origin]) -> Service:
    """The service without those keys of [defaults] that have no effect for it."""
    return fit(service, lambda key: key not in own and key.partition(" ")[0] not in own)[0]


def _settings(sources: Sources, files: Files, problems: list[Problem]) -> tuple[Settings, Keys, dict[str, Origin], str]:
    path = sources.config or (MAIN if not sources.services and not sources.single and os.path.exists(MAIN) else "")
    settings, foreign = Settings(), ""
    defaults: Keys = {}
    origins: dict[str, Origin] = {}
    if path:
        try:
            data = files.read(path)
        except OSError as problem:
            problems.append(error(Origin(path), f"cannot be read: {_why(problem)}"))
        else:
            if not data.strip() and not path.endswith(".toml"):
                # Truncated, or half written. An xinetd.conf would be taken for an empty superd.toml, and everything be closed.
                problems.append(error(Origin(path), "is empty", "a comment alone serves nothing on purpose"))
            elif grammar_of(path, data) != "settings":
                foreign = path
            else:
                settings, defaults, origins, wrong = parse_settings(data, path)
                problems += wrong
    update: dict[str, Any] = {}
    if not sources.config and (sources.services or sources.single):
        # A folder or a file on the command line alone is a try-out: nothing of /etc decides anything.
        update = {"hosts_allow": "", "hosts_deny": ""}
    if sources.hosts_allow is not None:
        update["hosts_allow"] = sources.hosts_allow
    if sources.hosts_deny is not None:
        update["hosts_deny"] = sources.hosts_deny
    if update:
        settings = settings.model_copy(update={"policy": settings.policy.model_copy(update=update)})
    if foreign and not _is_single(foreign, files):
        settings = settings.model_copy(update={"stop_sessions": "keep"})
    return settings, defaults, origins, foreign


def tables_of(sources: Sources) -> tuple[str, str]:
    """Where hosts.allow and hosts.deny are, whatever else is wrong with what the sources name."""
    policy = _settings(sources, Files(root=os.geteuid() == 0), [])[0].policy
    return policy.hosts_allow, policy.hosts_deny


def _is_single(path: str, files: Files) -> bool:
    return bool(path) and grammar_of(path, files.read(path)) == "service"


def _read_folder(folder: str, files: Files, found: dict[str, _Found], problems: list[Problem], *, named: bool) -> None:
    try:
        names = sorted(files.list(folder))
    except FileNotFoundError:
        if named:
            problems.append(error(Origin(folder), "no such folder"))
        return
    except OSError as problem:
        problems.append(error(Origin(folder), f"cannot be read: {_why(problem)}"))
        return
    if len(names) > MAX_FILES:
        problems.append(error(Origin(folder), f"holds more than {MAX_FILES} files"))
        return
    for name in names:
        path = os.path.join(folder, name)
        if skipped(name):
            continue
        if name.endswith(".toml.d"):
            _read_fragments(path, name.removesuffix(".toml.d"), files, found, problems)
        elif name.endswith(".toml"):
            stem = name.removesuffix(".toml")
            if os.path.islink(path) and os.path.realpath(path) == "/dev/null":
                found.pop(stem, None)
                continue
            entry = _read_one(path, files, problems)
            if entry is not None:
                found[stem] = entry
    # Fragments of a file in a lower folder come after it by name; those of this folder's own file after that file.


def skipped(name: str) -> bool:
    """Whether a file's name says that it is no configuration: what editors and package managers leave."""
    return (
        name.startswith(".") or name.endswith(_SKIPPED_ENDS) or ".dpkg-" in name or (name.startswith("#") and name.endswith("#"))
    )


def _read_one(path: str, files: Files, problems: list[Problem]) -> _Found | None:
    """A listed file; None if it was removed since, which is no fault: a reload can come while an admin's script works."""
    try:
        data = files.read(path)
    except OSError as problem:
        if isinstance(problem, FileNotFoundError) and has_left(files, path):
            return None
        problems.append(error(Origin(path), f"cannot be used: {_why(problem)}", _mend(problem)))
        return _Found({}, {}, Origin(path), broken=True)
    keys, origins, wrong = parse_toml(data, path)
    problems += wrong
    return _Found(keys, origins, Origin(path, 1), broken=bool(wrong))


def _read_fragments(folder: str, name: str, files: Files, found: dict[str, _Found], problems: list[Problem]) -> None:
    base = found.get(name)
    if base is None:
        problems.append(note(Origin(folder), f"fragments of `{name}`, but there is no {name}.toml"))
        return
    try:
        parts = sorted(files.list(folder))
    except OSError as problem:
        problems.append(error(Origin(folder), f"fragments cannot be read: {_why(problem)}"))
        base.broken = True
        return
    for part in parts:
        if skipped(part) or not part.endswith(".toml"):
            continue
        entry = _read_one(os.path.join(folder, part), files, problems)
        if entry is None:
            continue
        base.keys = merge(base.keys, entry.keys)
        base.origins.update(entry.origins)
        base.broken = base.broken or entry.broken


def wrong_here(foreign: Foreign) -> tuple[Problem, ...]:
    """The errors that this host has with entries of another daemon's files: users, programs and addresses it does not know."""
    root = os.geteuid() == 0
    files, problems = Files(root=root), list[Problem]()
    services = {service.name: _resolved(service, files) for service in foreign.services if not service.disable}
    _compile(services, foreign.origins, problems)
    for service in services.values():
        problems += check_kinds(service, foreign.origins, access_alone=True)
    return tuple(errors([*problems, *check(services, foreign.origins, _host(root))]))


def _there(paths: tuple[str, ...], problems: list[Problem]) -> list[str]:
    absent = [path for path in paths if not os.path.exists(path)]
    problems += [warning(Origin(path), "is not there, so nothing is read from it") for path in absent]
    return [path for path in paths if path not in absent]


def _read_foreign(
    settings: Settings,
    foreign_file: str,
    more_inetd: list[str],
    files: Files,
    services: dict[str, Service],
    origins: dict[tuple[str, str], Origin],
    problems: list[Problem],
    under: tuple[Keys, Mapping[str, Origin]],
) -> frozenset[str]:
    """Add what the other daemons' files hold, over [defaults] with their places, and say which files these are."""
    xinetd, inetd = list(settings.xinetd), [*settings.inetd, *more_inetd]
    if foreign_file:
        kind = grammar_of(foreign_file, files.read(foreign_file))
        (xinetd if kind == "xinetd" else inetd).append(foreign_file)
    if not xinetd and not inetd:
        return frozenset()
    from superd.config.inetd.source import parse as parse_inetd
    from superd.config.xinetd.source import parse as parse_xinetd

    read_files = [parse_xinetd(path, files) for path in xinetd]
    read_files += [parse_inetd(path, files, settings.inetd_dialect) for path in inetd]
    for foreign in read_files:
        problems += foreign.problems
        own: dict[str, dict[tuple[str, str], Origin]] = {service.name: {} for service in foreign.services}
        for key, place in foreign.origins.items():
            own.setdefault(key[0], {})[key] = place
        for service in foreign.services:
            if service.disable:
                continue
            if service.name in services:
                there = origins.get((service.name, ""), Origin(service.name))
                here = foreign.origins.get((service.name, ""), Origin(service.name))
                problems.append(error(here, f"service `{service.name}` is already there ({there})", _twice(there, settings)))
                continue
            places = own[service.name]
            said = frozenset(key for _, key in places)
            whole = places.get((service.name, ""), Origin(service.name))
            service, given, wrong = with_defaults(service, said, merge({}, under[0]), under[1], whole)
            problems += [
                problem for problem in wrong if problem not in problems
            ]  # a wrong default is one fault, not one a service
            origins.update({(service.name, key): place for key, place in given.items()})
            service = fit(service, lambda key, given=given: key.partition(".")[0].partition(" ")[0] in given)[0]  # type: ignore[misc]
            services[service.name] = _resolved(service, files)
            origins.update(places)
            problems += check_kinds(services[service.name], origins, access_alone=True)
    read = [place for foreign in read_files for place in foreign.origins.values()]
    read += [problem.origin for foreign in read_files for problem in foreign.problems]
    return frozenset(place.file for place in read)


def _only_given(service: Service, given: Mapping[str, Origin]) -> Service:
    """The service without those keys of [defaults] that have no effect for it; its own file's are judged by its reader."""
    return fit(service, lambda key: re.split("[. ]", key)[0] in given)[0] if given else service


def _twice(there: Origin, settings: Settings) -> str:
    """What to do about a service of that name in another place: after an import both the old file and the new one are read."""
    key = "xinetd" if settings.xinetd else "inetd" if settings.inetd else ""
    if key and there.file.endswith(".toml"):
        return f"after an import remove the line `{key} = …` from superd.toml; else rename one"
    return "rename one"


_SOMEWHERE: Mapping[str, Any] = {"port": 0, "listen": ()}
"""For the checks of a service whose own address is wrong: clashes with nobody, and is not nothing."""


def _compile(services: dict[str, Service], origins: Mapping[tuple[str, str], Origin], problems: list[Problem]) -> set[str]:
    """Which services hold a word that nothing can be made of; these go on without it, for the checks that follow."""
    from superd.config.checks.values import check_words

    broken: set[str] = set()
    for name, service in list(services.items()):
        wrong = check_words(service)
        for key, message in wrong:
            where = origins.get((name, key)) or origins.get((name, ""), Origin(name))
            problems.append(error(where, f"`{key}`: {message}"))
        if wrong:
            broken.add(name)
            update = {key: Service.model_fields[key].default for key, _ in wrong}
            if {"port", "listen"} & set(update):
                update |= _SOMEWHERE
            services[name] = service.model_copy(update=update)
    return broken


class _Ports:
    """Names of services → numbers, as getservbyname(3) knows them."""

    def resolve(self, name: str, keys: Keys) -> Keys:
        """``keys`` with a numeric port. A name that nobody knows stays, and is reported as no number."""
        port = keys.get("port")
        protocol = "udp" if keys.get("socket_type") == "dgram" else "tcp"
        if isinstance(port, str):
            return {**keys, "port": _port(port, protocol)}
        if port is None and "listen" not in keys and "RPC" in _types(keys):
            return {**keys, "port": 0}  # any: rpcbind tells it
        if port is None and "listen" not in keys and not {"TCPMUX", "TCPMUXPLUS"} & set(_types(keys)):
            service = keys.get("service", name)
            found = _port(service if isinstance(service, str) else name, protocol)
            return {**keys, "port": found} if isinstance(found, int) else keys
        return keys


def _resolved(service: Service, files: Files) -> Service:
    """The service with numbers for what it names as /etc/services and /etc/rpc do: its port, its redirect's, its program."""
    update: dict[str, Any] = {}
    if isinstance(service.port, str):
        update["port"] = _port(service.port, service.proto)
    if service.redirect:
        host, colon, port = service.redirect.rpartition(":")
        update["redirect"] = f"{host}{colon}{_port(port, 'tcp')}"
    if "RPC" in service.type and service.rpc_number is None:
        update["rpc_number"] = _program(service, files)
    for key, words in (("only_from", service.only_from or ()), ("no_access", service.no_access)):
        numbers = tuple(map(_user_number, words))
        if numbers != words:
            update[key] = numbers
    exempt = tuple(map(_user_number, service.limits.exempt))
    if exempt != service.limits.exempt:
        update["limits"] = service.limits.model_copy(update={"exempt": exempt})
    return service.model_copy(update=update) if update else service


def _user_number(word: str) -> str:
    """``uid:NAME`` and ``gid:NAME`` with the number; a name that does not exist stays, and is reported as such."""
    name = word[4:]
    if word[:4].lower() not in USER_WORDS or name.isdecimal():
        return word
    try:
        return f"uid:{pwd.getpwnam(name).pw_uid}" if word[0] in "uU" else f"gid:{grp.getgrnam(name).gr_gid}"
    except (KeyError, ValueError):
        return word


def _program(service: Service, files: Files) -> int | None:
    """The number of an RPC service, which it may name as /etc/rpc does."""
    try:
        return parse_rpc(files.read("/etc/rpc").decode("utf-8", "replace")).get(service.service)
    except OSError:
        return None


def _port(name: str, protocol: str) -> int | str:
    if name.isascii() and name.isdecimal():
        return int(name)
    try:
        return socket.getservbyname(name, protocol)
    except OSError:
        return BUILTIN_PORTS.get(name, name)


def _types(keys: Keys) -> list[str]:
    value = keys.get("type", [])
    return [str(word).upper() for word in (value if isinstance(value, list) else [value])]


def _host(root: bool) -> Host:
    @cache  # a thousand services have a handful of users, and programs
    def known_user(name: str) -> bool:
        return name.isdecimal() or _exists(lambda: pwd.getpwnam(name))

    @cache
    def known_group(name: str) -> bool:
        return name.isdecimal() or _exists(lambda: grp.getgrnam(name))

    @cache
    def program(path: str) -> str:
        if not os.path.exists(path):
            return "does not exist"
        if os.path.isdir(path):
            return "is a directory"
        if root and os.stat(path).st_mode & stat.S_IWOTH:
            return "can be written by anybody"
        return "" if os.access(path, os.X_OK) else "is not executable"

    @cache
    def stranger(path: str) -> str:
        owner = os.stat(path).st_uid
        return str(owner) if owner else ""

    names = tuple(entry.pw_name for entry in pwd.getpwall())
    return Host(known_user, known_group, program, lambda path: os.access(path, os.R_OK), names, root, stranger, _own_names())


def _own_names() -> frozenset[str]:
    uid = os.geteuid()
    return frozenset({str(uid), *(entry.pw_name for entry in pwd.getpwall() if entry.pw_uid == uid)})


def _exists(look: Any) -> bool:
    try:
        look()
    except KeyError:
        return False
    return True


def _why(problem: OSError) -> str:
    return str(problem) if isinstance(problem, Untrusted) else (problem.strerror or str(problem))


def _mend(problem: OSError) -> str:
    return "chown root and chmod go-w" if isinstance(problem, Untrusted) and "written" in str(problem) else ""
