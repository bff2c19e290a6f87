"""``superd import xinetd|inetd|systemd PATH… -o DIR``: old files → a TOML file a service, a report. Leaves the old files.

Runs in: the operator's commands. Never starts a service, and never writes over a file without ``--force``.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from superd.frozen import frozen
from superd.load.sources import OPERATORS_OWN

if TYPE_CHECKING:
    from superd.config.foreign import Foreign
    from superd.problem import Origin, Problem
    from superd.service import Service

EX_CONFIG, EX_CANTCREAT, EX_USAGE = 78, 73, 64
MAX_BYTES = 1 << 20
KINDS: dict[str, Literal["xinetd", "inetd", "systemd"]] = {"xinetd": "xinetd", "inetd": "inetd", "systemd": "systemd"}
KEPT_APART = frozenset({
    "only_from", "no_access", "access_times", "type", "flags", "disable", "service", "server", "server_args", "redirect", "port",
    "listen", "socket_type", "protocol", "wait", "v6only", "rpc_version", "rpc_number", "user", "group", "env",
})  # fmt: skip
"""Keys that stay in each file although all have the same: who may come, and what is served, must not hang on another file."""


@frozen
class Disk:
    """The ``FileReader`` of an import: regular files of at most 1 MiB, never a device or a fifo that would hang it."""

    def read(self, path: str) -> bytes:
        """Raises ``OSError``."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise IsADirectoryError(21, "not a regular file", path)
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise OSError(27, "larger than 1 MiB", path)
        return data

    def list(self, path: str) -> list[str]:
        """Raises ``OSError``."""
        return os.listdir(path)


def read_foreign(
    kind: Literal["xinetd", "inetd", "systemd"], paths: Sequence[str], dialect: str = "auto", *, alone: bool = False
) -> Foreign:
    """All ``paths`` as one ``Foreign``; the same id in two of them is an error that names both.

    A part of an xinetd.conf is read with the whole that includes it, for its defaults; ``alone``: it has none.
    """
    from superd.cli.systemd_units import read_units
    from superd.config.foreign import Foreign
    from superd.config.inetd import source as inetd_source

    services: dict[str, Service] = {}
    origins: dict[tuple[str, str], Origin] = {}
    problems: dict[Problem, None] = {}
    comments: dict[str, tuple[str, ...]] = {}
    renamed: dict[str, str] = {}
    unserved: list[tuple[str, str, Origin]] = []
    for path in paths:
        if kind == "xinetd":
            found = _read_xinetd(path, alone=alone)
        elif kind == "systemd":
            found = read_units(path, Disk())
        else:
            found = inetd_source.parse(path, Disk(), dialect)  # type: ignore[arg-type]
        problems |= dict.fromkeys(found.problems)
        unserved += found.unserved
        for service in found.services:
            place = found.origins[service.name, ""]
            if service.name in services:
                if origins[service.name, ""] != place:  # else a part that its whole has brought already
                    problems[_taken(service.name, place, origins[service.name, ""])] = None
                continue
            services[service.name] = service
            origins |= {key: origin for key, origin in found.origins.items() if key[0] == service.name}
            comments |= {service.name: found.comments[service.name]} if service.name in found.comments else {}
            renamed |= {service.name: found.renamed[service.name]} if service.name in found.renamed else {}
    return Foreign(tuple(services.values()), origins, tuple(problems), comments, renamed, tuple(dict.fromkeys(unserved)))


def _taken(name: str, place: Origin, first: Origin) -> Problem:
    from superd.problem import error

    return error(place, f"id `{name}` is taken by {first}", "give one of the two entries another id")


def _read_xinetd(path: str, *, alone: bool) -> Foreign:
    """One file or folder of xinetd's. Of a part without a whole that can be found nothing is taken: it may be open."""
    from superd.config.foreign import Foreign
    from superd.config.xinetd import source
    from superd.problem import Origin, error, note

    files = Disk()
    absolute = os.path.abspath(path)
    whole = "" if alone else source.whole_of(absolute, files)
    if whole == "?":
        what = "is a part, and no xinetd.conf includes it: the `defaults` that close or limit its services would be lost"
        hint = "name the xinetd.conf that includes it, or say `--alone` if there is none"
        return Foreign(problems=(error(Origin(path), f"`{path}` {what}", hint),))
    if not whole:
        return source.parse(path, files) if not os.path.isdir(path) else _read_folder(path)
    found = source.parse(whole, files)

    def ours(origin: Origin) -> bool:
        return absolute in (origin.file, posixpath.dirname(origin.file))

    services = tuple(service for service in found.services if ours(found.origins[service.name, ""]))
    said = note(Origin(path), f"read with the `defaults` of `{whole}`, which includes it")
    return replace(found, services=services, problems=(said, *(problem for problem in found.problems if ours(problem.origin))))


def _read_folder(folder: str) -> Foreign:
    """The files of a folder, as `includedir` reads them."""
    from superd.config.xinetd import source

    class Included(Disk):
        def read(self, path: str) -> bytes:
            return f"includedir {folder}\n".encode() if path == folder else super().read(path)

    return source.parse(folder, Included())


def import_command(
    kind: str,
    paths: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str] | None,
    *,
    force: bool = False,
    dry_run: bool = False,
    dialect: str = "auto",
    alone: bool = False,
    defaults: str | os.PathLike[str] | None = None,
) -> int:
    """Write (or, with ``dry_run``, print) the files and print the report. ``defaults`` is the superd.toml to write.

    Without it an import into the host's own folder makes the host's superd.toml, unless there is one.

    Returns 0, 78 when something that was served could not be kept, 73 when a file exists already or cannot be written;
    without ``force`` nothing at all is written then.
    """
    from superd.config.import_report import report
    from superd.config.inetd.dialects import DIALECTS
    from superd.load.foreign import wrong_here

    wrong = ""
    if kind not in KINDS:
        wrong = f"`{kind[:40]}` is none of {', '.join(KINDS)}"
    elif dialect != "auto" and dialect not in DIALECTS:
        wrong = f"`{dialect[:40]}` is not a dialect of inetd.conf"
    elif not dry_run and not output:
        wrong = "`-o DIR` or `--dry-run` is needed"
    if wrong:
        sys.stderr.write(f"superd: error: {wrong}\n")
        return EX_USAGE
    names = [os.fspath(path) for path in paths]
    if kind != "systemd" and (mistaken := _of_the_other(kind, names)):
        sys.stderr.write(mistaken)
        return EX_USAGE
    foreign = read_foreign(KINDS[kind], names, dialect, alone=alone)
    defaults = defaults or _own_main(output)
    written = _as_files(foreign)
    shared = _shared(list(written.values())) if defaults else {}
    texts = _texts(foreign, written, shared)
    if defaults and shared:
        texts[os.path.abspath(os.fspath(defaults))] = _defaults_text(shared)
    status = 0
    if dry_run:
        for name, text in texts.items():
            sys.stdout.write(f"# {name}\n{text}\n")
    else:
        status = _write(os.fspath(output or ""), texts, force=force)
    files = dict(zip(written, texts, strict=False))
    result = report(foreign, wrong_here(foreign), files, written=not status and not dry_run)
    sys.stdout.write(str(result))
    return status or (EX_CONFIG if result.failed else 0)


def _own_main(output: str | os.PathLike[str] | None) -> str:
    """The host's superd.toml, where its own folder is imported into and there is none yet; else ""."""
    if output is None or os.path.abspath(output) != OPERATORS_OWN:
        return ""
    main = os.path.join(os.path.dirname(OPERATORS_OWN), "superd.toml")
    return "" if os.path.lexists(main) else main


def _of_the_other(kind: str, paths: Sequence[str]) -> str:
    """What to say of a file that is the other daemon's, by its grammar."""
    from superd.config.grammar import grammar_of

    for path in paths:
        try:
            found = grammar_of(os.path.abspath(path), Disk().read(path))
        except OSError:
            continue
        if found != kind and found in ("xinetd", "inetd"):
            return f"{path}: error: this is {found}'s form\n  hint: write `superd import {found} {path} …`\n"
    return ""


def _as_files(foreign: Foreign) -> dict[str, Service]:
    """Each service as its file has it: without keys of no effect, and with a user, as a native file needs it."""
    from superd.key_conflicts import fit

    found: dict[str, Service] = {}
    for service in foreign.services:
        written, _ = fit(service, lambda _: True)
        found[service.name] = written.model_copy(update={"user": written.user or ("root" if written.server else "")})
    return found


def _shared(services: list[Service]) -> dict[str, Any]:
    """The values for [defaults]: what all services have alike, and superd has not by default."""
    from superd.config.toml.render import file_values
    from superd.service import Service

    if len(services) < 2:
        return {}
    plain = file_values(Service(name="x", disable=True))
    all_values = [file_values(service) for service in services]
    first = all_values[0]
    return {
        key: value
        for key, value in first.items()
        if key not in KEPT_APART and value is not None and value != plain[key] and all(v[key] == value for v in all_values)
    }


def _texts(foreign: Foreign, written: Mapping[str, Service], shared: Mapping[str, Any]) -> dict[str, str]:
    """File names and their texts."""
    from superd.config.toml.render import render

    texts: dict[str, str] = {}
    for name, service in written.items():
        file = file_name(name, texts)
        comments = {key: f"from {origin}" for (owner, key), origin in sorted(foreign.origins.items()) if owner == name}
        remarks = foreign.comments.get(name, ())
        comments[""] = "\n".join([*filter(None, [comments.get("", "")]), *remarks])
        texts[file] = render(service.model_copy(update={"name": file.removesuffix(".toml")}), comments, shared)
    return texts


def _defaults_text(shared: Mapping[str, Any]) -> str:
    from superd.config.toml.render import render_defaults

    return render_defaults(shared)


def file_name(service_id: str, taken: dict[str, str]) -> str:
    """A file name for an id: no slash, no leading dot, nothing that a reader of service files would skip."""
    stem = re.sub(r"[^A-Za-z0-9_.+-]", "_", service_id).lstrip(".")[:200] or "service"
    name, number = f"{stem}.toml", 2
    while name in taken:
        name, number = f"{stem}-{number}.toml", number + 1
    return name


def _write(folder: str, texts: dict[str, str], *, force: bool) -> int:
    there = [name for name in texts if os.path.lexists(os.path.join(folder, name))]
    if there and not force:
        for name in there:
            sys.stderr.write(f"{os.path.join(folder, name)}: error: the file exists already; nothing was written\n")
        sys.stderr.write("  hint: `--force` writes over it\n")
        return EX_CANTCREAT
    try:
        if texts:
            os.makedirs(folder, mode=0o755, exist_ok=True)
        for name, text in texts.items():
            path = os.path.join(folder, name)
            # A new file and a rename: never through a link that lies there, never half a file.
            partial = f"{path}.{os.getpid()}~"
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(partial, path)
    except OSError as failed:
        sys.stderr.write(f"{failed.filename}: error: {failed.strerror}\n")
        return EX_CANTCREAT
    return 0
