"""xinetd.conf and all it includes → ``Foreign``. Reads through the ``FileReader`` it is given, never the disk itself.

An entry with an error is never served, and never hides the next one. An error in ``defaults`` keeps every service
of the source from running: it is unknown which limit it would have set (xinetd started without it).

Runs in: the reading child, the operator's commands.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field

from superd.config.foreign import OF_DISABLED, FileReader, Foreign, fitted, has_left
from superd.config.name_tables import read_services, read_table
from superd.config.xinetd.address_lines import AddressReader
from superd.config.xinetd.attributes import collect
from superd.config.xinetd.draft import Surroundings
from superd.config.xinetd.lexer import Entry, split_entries
from superd.config.xinetd.section import Section
from superd.config.xinetd.service import make_service
from superd.problem import Origin, Problem, Severity, error, note, warning
from superd.service import Service

MAX_DEPTH = 16  # xinetd had no limit and ran out of stack
ELSEWHERE = "/etc"
"""Where a host's own xinetd.conf is."""
MAX_FILES = 20000
_FROM_DEFAULTS = ("only_from", "no_access", "banner", "banner_success", "banner_fail", "access_times")


@dataclass(slots=True)
class _Source:
    """Everything read so far, in reading order. ``defaults_at``: services above each defaults, and its place."""

    files: FileReader
    read_files: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    services: list[Entry] = field(default_factory=list)
    defaults: Section = field(default_factory=Section)
    defaults_at: list[tuple[int, Origin]] = field(default_factory=list)
    count: int = 0
    unserved: list[tuple[str, str, Origin]] = field(default_factory=list)

    def read(self, path: str, chain: tuple[str, ...], origin: Origin | None, *, quiet: bool = False) -> None:
        place = origin or Origin(path)
        normal = posixpath.normpath(path)
        if normal in chain or len(chain) >= MAX_DEPTH:
            what = "includes itself" if normal in chain else f"is included more than {MAX_DEPTH} deep"
            self.problems.append(error(place, f"`{path}` {what}; xinetd crashed"))
            return
        self.count += 1
        self.read_files.add(normal)
        if self.count > MAX_FILES:
            if self.count == MAX_FILES + 1:
                self.problems.append(error(place, f"more than {MAX_FILES} files"))
            return
        try:
            data = self.files.read(path)
        except IsADirectoryError:
            if quiet:
                self.problems.append(note(Origin(path), "not a regular file, skipped"))
            else:
                self.problems.append(error(place, f"`{path}` is a folder", "write includedir"))
            return
        except OSError as failed:
            if quiet and isinstance(failed, FileNotFoundError) and has_left(self.files, path):
                return
            self.problems.append(error(place, f"cannot read `{path}`: {failed.strerror or failed}"))
            return
        entries, problems = split_entries(data, path)
        self.problems.extend(problems)
        seen: Origin | None = None
        for entry in entries:
            match entry.kind:
                case "service":
                    self.services.append(entry)
                case "defaults" if seen is not None:
                    self.defaults.broken = True
                    self.problems.append(
                        error(
                            entry.origin,
                            f"a second `defaults`; the first is at {seen}",
                            "write one; xinetd ignored this",
                        )
                    )
                case "defaults":
                    seen = entry.origin
                    self.defaults.broken |= entry.broken
                    self.defaults_at.append((len(self.services), entry.origin))
                    collect(entry.lines, self.defaults, defaults=True)
                case "include" if not entry.broken:
                    self.read(entry.argument, (*chain, normal), entry.origin)
                case "includedir" if not entry.broken:
                    self.folder(entry, (*chain, normal))

    def folder(self, entry: Entry, chain: tuple[str, ...]) -> None:
        try:
            names = self.files.list(entry.argument)
        except OSError as failed:
            self.problems.append(warning(entry.origin, f"cannot read the folder `{entry.argument}`: {failed.strerror or failed}"))
            return
        for name in sorted(names, key=lambda item: item.encode(errors="surrogateescape")):
            path = posixpath.join(entry.argument, name)
            if "." in name or name.endswith("~"):
                self.problems.append(note(Origin(path), "skipped, as xinetd skips names with a dot or a final ~"))
            else:
                self.read(path, chain, entry.origin, quiet=True)


def parse(path: str, files: FileReader) -> Foreign:
    """The services of ``path`` with all problems; a service that is switched off has ``disable``."""
    source = _Source(files)
    source.read(path, (), None)
    source.problems.extend(source.defaults.problems)
    around = Surroundings(
        source.defaults.lines,
        AddressReader(read_table(files, "/etc/networks", 0)),
        read_table(files, "/etc/hosts", 1),
        read_services(files),
    )
    made = [
        pair
        for index, entry in enumerate(source.services)
        if (pair := _service(entry, index, source, around)) is not None and not source.defaults.broken
    ]
    if source.defaults.broken and source.services:
        place = source.defaults_at[0][1] if source.defaults_at else Origin(path)
        source.problems.append(error(place, f"no service of `{path}` is served while its defaults have an error"))
    return fitted(_finish(_switch(made, source), source))


def whole_of(part: str, files: FileReader) -> str:
    """The xinetd.conf that includes the file or folder ``part``, where that has no `defaults` and includes nothing itself.

    ``""`` for a file that is the whole; ``"?"`` where there is a whole that cannot be found.
    """
    part = posixpath.normpath(part)
    folder, name = posixpath.split(part)
    try:
        inside = [posixpath.join(part, child) for child in files.list(part)]
    except OSError:
        inside = []
        try:
            entries, _ = split_entries(files.read(part), part)
        except OSError:
            return ""
        if name == "xinetd.conf" or any(entry.kind != "service" for entry in entries):
            return ""
    above = posixpath.dirname(folder)
    for candidate in dict.fromkeys(posixpath.join(place, "xinetd.conf") for place in (above, folder, ELSEWHERE)):
        source = _Source(files)
        source.read(posixpath.normpath(candidate), (), None)
        if part in source.read_files or any(child in source.read_files for child in inside):
            return candidate
    return "?"


def _service(entry: Entry, index: int, source: _Source, around: Surroundings) -> tuple[Service, Entry] | None:
    section = collect(entry.lines, Section(broken=entry.broken, torn=entry.broken), defaults=False)
    service = make_service(entry.argument, section, entry.origin, around)
    source.problems.extend(section.standing)
    off = any(line.values and line.values[0].lower() == "yes" for line in section.lines.get("disable", ()))
    if off:  # xinetd did not read a disabled entry to its end; its mistakes do no harm until it is enabled
        source.problems.extend(
            note(found.origin, f"{found.message}{OF_DISABLED}", found.hint)
            for found in section.problems
            if found.severity is Severity.ERROR
        )
    else:
        source.problems.extend(section.problems)
        _above_defaults(entry, index, section, source)
        for key in ("user", "group", "server") if service is None else ():
            source.unserved += [
                (key, line.values[0], line.origin) for line in section.lines.get(key, ()) if len(line.values) == 1
            ]
    return None if service is None else (service, entry)


def _above_defaults(entry: Entry, index: int, section: Section, source: _Source) -> None:
    late = next((origin for count, origin in source.defaults_at if index < count), None)
    lost = [
        name
        for name in _FROM_DEFAULTS
        if name in source.defaults.lines and not any(line.operator == "=" for line in section.lines.get(name, ()))
    ]
    if late is not None and lost:
        source.problems.append(
            warning(
                entry.origin,
                f"service `{entry.argument}` takes `{'`, `'.join(lost)}` from the defaults at {late}; "
                "xinetd gave it none, because it stands above them",
            )
        )


def _switch(made: list[tuple[Service, Entry]], source: _Source) -> list[tuple[Service, Entry]]:
    """`enabled` and `disabled` of the defaults, by id in any case; `disabled` wins."""
    lines = source.defaults.lines
    enabled: set[str] | None = None
    for line in lines.get("enabled", ()):
        enabled = enabled or set()
        words = {word.lower() for word in line.values}
        if line.operator == "-=":
            source.problems.append(warning(line.origin, "`enabled -=` takes ids away; xinetd added them"))
            enabled -= words
        else:
            enabled |= words
    disabled: set[str] = set()
    for line in lines.get("disabled", ()):
        if line.operator == "-=":
            source.problems.append(warning(line.origin, "`disabled -=` disables too, as in xinetd", "remove the ids instead"))
        disabled |= {word.lower() for word in line.values}
    result = []
    for service, entry in made:
        word = service.name.lower()
        if (enabled is not None and word not in enabled) or word in disabled:
            service = service.model_copy(update={"disable": True})
        result.append((service, entry))
    return result


def _finish(made: list[tuple[Service, Entry]], source: _Source) -> Foreign:
    """Gives each id once, enabled services first; a second one that xinetd told apart by its socket is renamed."""
    taken: dict[str, Entry] = {}
    bound: dict[tuple[object, ...], tuple[str, Entry]] = {}
    names: dict[int, Service] = {}
    renamed: dict[str, str] = {}
    for index in sorted(range(len(made)), key=lambda item: made[item][0].disable):
        service, entry = made[index]
        clash = None if service.disable else next((bound[key] for key in _keys(service) if key in bound), None)
        if clash is not None:
            source.problems.append(
                error(entry.origin, f"service `{service.name}` listens where `{clash[0]}` at {clash[1].origin} does")
            )
            continue
        if service.name in taken:
            explicit = any(line.name == "id" for line in entry.lines)
            first = taken[service.name].origin
            if explicit and not service.disable:
                source.problems.append(error(entry.origin, f"id `{service.name}` is taken by {first}", "give it another id"))
                continue
            longer = _another(service, taken)
            if not service.disable:
                source.problems.append(
                    note(entry.origin, f"`{service.name}` is taken by {first}; this one is `{longer}`", "give it an id")
                )
            renamed[longer] = service.name
            service = service.model_copy(update={"name": longer})
        taken[service.name] = entry
        if not service.disable:
            bound.update({key: (service.name, entry) for key in _keys(service)})
        names[index] = service
    services = tuple(names[index] for index in sorted(names))
    return Foreign(
        services,
        {key: origin for index, service in names.items() for key, origin in _origins(service, made[index][1], source).items()},
        tuple(dict.fromkeys(source.problems)),  # a wrong default is found once for each heir
        {service.name: tuple(made[index][1].comments) for index, service in names.items() if made[index][1].comments},
        renamed,
        tuple(source.unserved),
    )


def _keys(service: Service) -> list[tuple[object, ...]]:
    if service.mux_client or service.port == 0:
        return []
    hosts = service.listen or ("*",)
    return [(service.socket_type, service.port, host) for host in hosts]


def _another(service: Service, taken: dict[str, Entry]) -> str:
    kind = f"-{service.socket_type.value}"
    base = service.name if service.name.endswith(kind) else f"{service.name}{kind}"
    candidate, number = base, 2
    while candidate in taken:
        candidate, number = f"{base}-{number}", number + 1
    return candidate


def _origins(service: Service, entry: Entry, source: _Source) -> dict[tuple[str, str], Origin]:
    found = {(service.name, ""): entry.origin}
    for name, lines in source.defaults.lines.items():
        if name not in ("enabled", "disabled") and lines:
            found[service.name, "listen" if name == "bind" else name] = lines[-1].origin
    for line in entry.lines:
        key = {"bind": "listen", "interface": "listen", "id": "name"}.get(line.name, line.name)
        found[service.name, key] = line.origin
    return found
