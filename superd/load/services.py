"""What: all that an operator wrote becomes a ``Registry``, or all that is wrong with it: folders of files, and their layers.

Runs in: master, cli. Never: starts or binds.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from superd.config.checks.services import check, check_kinds
from superd.config.foreign import has_left
from superd.config.grammar import grammar_of
from superd.config.toml.service_file import Keys, make_service, merge, parse_toml
from superd.errors import ConfigError
from superd.file_end import FileEnd, file_end_of
from superd.key_conflicts import fit
from superd.load.access_words import check_access_words
from superd.load.env_files import check_env_files
from superd.load.foreign import read_foreign
from superd.load.host import this_host
from superd.load.numbers import resolved, with_port
from superd.load.operators import check_operators
from superd.load.privilege import check_users
from superd.load.settings import hint, read_main, why
from superd.load.sources import MAIN, OF_PACKAGES, OPERATORS_OWN, Sources
from superd.load.words import SOMEWHERE, without_bad_words
from superd.problem import Origin, Problem, error, errors, note
from superd.registry import Registry
from superd.system.credentials import is_root
from superd.system.trusted_file import masked, trusted_files

if TYPE_CHECKING:
    from superd.config.foreign import FileReader
    from superd.service import Service

MAX_FILES = 20000
"""Files in one folder."""

_OF_THE_SYSTEM = frozenset({"/etc/hosts", "/etc/services", "/etc/rpc", "/etc/networks"})
_SKIPPED_ENDS = ("~", ".rpmnew", ".rpmsave", ".rpmorig", ".swp", ".bak")


@dataclass(slots=True)
class _Layers:
    """One service while its files are put together."""

    keys: Keys
    origins: dict[str, Origin]
    whole: Origin
    broken: bool = False


MASKED = _Layers({}, {}, Origin(""))
"""A link to /dev/null: takes the file of a lower folder out."""


def read(sources: Sources, *, keep_going: bool = False) -> tuple[Registry, tuple[Problem, ...]]:
    """Return the registry and the warnings. Raises ``ConfigError`` with all problems when there is an error.

    With ``keep_going`` valid services are returned and the errors of the others are reported as problems. Foreign files
    always behave this way, because xinetd and inetd serve the valid entries of a file that has an invalid one.
    """
    with trusted_files(strict=is_root()) as files:
        reader = _Endings(_WithText(files, sources) if sources.text else files, sources.config or MAIN)
        registry, problems = _read(sources, reader, keep_going=keep_going)
        return replace(registry, endings=reader.endings), problems


class _Endings:
    """Files, and how each of them ends. Tables of the system are not this configuration's."""

    def __init__(self, files: FileReader, main: str) -> None:
        self._files = files
        self._main = main
        self.list = files.list
        self.endings: dict[str, FileEnd] = {}

    def read(self, path: str) -> bytes:
        data = self._files.read(path)
        if path not in _OF_THE_SYSTEM:
            grammar = grammar_of(path, data) if path == self._main else "service" if path.endswith(".toml") else ""
            self.endings[path] = file_end_of(data, grammar)
        return data


class _WithText:
    """Files, and one that is text of the command line."""

    def __init__(self, files: FileReader, sources: Sources) -> None:
        self._files = files
        self._sources = sources
        self.list = files.list

    def read(self, path: str) -> bytes:
        return self._sources.text.encode("utf-8", "replace") if path == self._sources.single else self._files.read(path)


def _read(sources: Sources, files: FileReader, *, keep_going: bool) -> tuple[Registry, tuple[Problem, ...]]:
    problems: list[Problem] = []
    main = read_main(sources, files, problems)
    settings = main.settings
    problems += check_operators(settings, main.origins, main.path)
    alone = main.single or main.foreign
    folders = sources.services or (() if main.single else settings.services or (() if alone else (OF_PACKAGES, OPERATORS_OWN)))
    found: dict[str, _Layers] = {}
    if main.single and (entry := _read_one(main.single, files, problems)) is not None:
        found[os.path.basename(main.single).removesuffix(".toml")] = entry
    for folder in folders:
        instead = sources.candidate if folder == folders[-1] else None
        _read_folder(folder, files, found, problems, instead, named=bool(sources.services or settings.services))
    if sources.candidate is not None and not folders and (entry := _read_one(sources.candidate[0], files, problems)) is not None:
        found[sources.candidate[1]] = entry
    services: dict[str, Service] = {}
    broken: set[str] = set()
    origins: dict[tuple[str, str], Origin] = {}
    root = is_root()
    for name, entry in sorted(found.items()):
        if entry.broken:
            continue
        keys = merge(main.defaults, entry.keys)
        places = {**main.origins, **entry.origins}
        service, wrong = make_service(name, with_port(name, keys), places, entry.whole)
        problems += wrong
        if errors(wrong):
            broken.add(name)  # checked on, so that all that is wrong is said at once, and never served
        origins[name, ""] = entry.whole
        origins.update({(name, key): place for key, place in places.items()})
        if service is not None and not service.disable:
            service = _fitting(service, entry.origins)
            problems += check_kinds(service, origins)
            if errors(wrong) and service.port is None and not service.listen:
                service = service.model_copy(update=SOMEWHERE)
            services[name] = resolved(service, files)
            wrong_files = check_env_files(service, origins.get((name, "env_file"), entry.whole), root=root)
            problems += wrong_files
            if errors(wrong_files):
                broken.add(name)
    foreign_files = read_foreign(main, sources.inetd, files, services, origins, problems)
    broken |= without_bad_words(services, origins, problems)
    problems += check_access_words(services, origins)
    problems += check(services, origins, this_host())
    # Of a service with wrong keys one of them may be its `user`, misspelt.
    sound = {name: service for name, service in services.items() if name not in broken}
    problems += check_users(main, sound, origins, foreign_files)
    problems.sort(key=lambda problem: problem.origin)
    wrong_places = {problem.origin for problem in errors(problems)}
    if wrong_places:
        ours = any(place.file not in foreign_files for place in wrong_places)
        if ours and not keep_going:
            raise ConfigError(tuple(problems), settings)
        broken |= {name for (name, _), place in origins.items() if place in wrong_places}
        services = {name: service for name, service in services.items() if name not in broken}
        if not services and not keep_going:
            raise ConfigError(tuple(problems), settings)
    return Registry(MappingProxyType(services), settings, origins), tuple(problems)


def _fitting(service: Service, own: Mapping[str, Origin]) -> Service:
    """The service without those keys of [defaults] that have no effect for it."""
    return fit(service, lambda key: key not in own and key.partition(" ")[0] not in own)[0]


def _read_folder(
    folder: str,
    files: FileReader,
    found: dict[str, _Layers],
    problems: list[Problem],
    instead: tuple[str, str] | None,
    *,
    named: bool,
) -> None:
    """Read each file of a folder, but the candidate's path for the file of its name."""
    replaced = {f"{instead[1]}.toml": instead[0]} if instead is not None else {}
    try:
        names = sorted({*files.list(folder), *replaced})
    except FileNotFoundError:
        if named:
            problems.append(error(Origin(folder), "does not exist"))
        names = sorted(replaced)
    except OSError as problem:
        problems.append(error(Origin(folder), f"cannot be read: {why(problem)}", hint(problem)))
        return
    if len(names) > MAX_FILES:
        problems.append(error(Origin(folder), f"contains more than {MAX_FILES} files"))
        return
    for name in names:
        path = replaced.get(name) or os.path.join(folder, name)
        if skipped(name):
            continue
        if name.endswith(".toml.d"):
            _read_fragments(path, name.removesuffix(".toml.d"), files, found, problems)
        elif name.endswith(".toml"):
            stem = name.removesuffix(".toml")
            entry = _read_one(path, files, problems)
            if entry is MASKED:
                found.pop(stem, None)
                continue
            if entry is not None:
                found[stem] = entry
    # Fragments of a file in a lower folder come after it by name; those of this folder's own file after that file.


def skipped(name: str) -> bool:
    """Whether a file's name shows that it is not configuration: what editors and package managers leave."""
    return (
        name.startswith(".") or name.endswith(_SKIPPED_ENDS) or ".dpkg-" in name or (name.startswith("#") and name.endswith("#"))
    )


def _read_one(path: str, files: FileReader, problems: list[Problem]) -> _Layers | None:
    """A listed file; None if it was removed since, which is not a fault: a reload can come while an operator's script works."""
    try:
        data = files.read(path)
    except OSError as problem:
        if isinstance(problem, FileNotFoundError) and has_left(files, path):
            return None
        if problem.errno == errno.EPERM and masked(path, strict=is_root()):
            return MASKED
        problems.append(error(Origin(path), f"cannot be used: {why(problem)}", hint(problem)))
        return _Layers({}, {}, Origin(path), broken=True)
    keys, origins, wrong = parse_toml(data, path)
    problems += wrong
    return _Layers(keys, origins, Origin(path, 1), broken=bool(wrong))


def _read_fragments(folder: str, name: str, files: FileReader, found: dict[str, _Layers], problems: list[Problem]) -> None:
    base = found.get(name)
    if base is None:
        problems.append(note(Origin(folder), f"fragments of `{name}`, but there is no {name}.toml"))
        return
    try:
        parts = sorted(files.list(folder))
    except OSError as problem:
        problems.append(error(Origin(folder), f"fragments cannot be read: {why(problem)}", hint(problem)))
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
