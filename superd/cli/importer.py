"""``superd import xinetd|inetd PATH… -o DIR``: old files → a TOML file a service, a report. Leaves the old files."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from superd.config.foreign import Foreign
    from superd.problem import Problem
    from superd.service import Service

EX_CONFIG, EX_CANTCREAT = 78, 73
MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
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


def read_foreign(kind: Literal["xinetd", "inetd"], paths: Sequence[str], dialect: str = "auto") -> Foreign:
    """All ``paths`` as one ``Foreign``; the same id in two of them is an error that names both."""
    from superd.config.foreign import Foreign
    from superd.config.inetd import source as inetd_source
    from superd.config.xinetd import source as xinetd_source
    from superd.problem import Origin, error

    services: dict[str, Service] = {}
    origins: dict[tuple[str, str], Origin] = {}
    problems: list[Problem] = []
    for path in paths:
        found = xinetd_source.parse(path, Disk()) if kind == "xinetd" else inetd_source.parse(path, Disk(), dialect)  # type: ignore[arg-type]
        problems.extend(found.problems)
        for service in found.services:
            place = found.origins.get((service.name, ""), Origin(path))
            if service.name in services:
                problems.append(error(place, f"id `{service.name}` is taken by {origins[service.name, '']}"))
                continue
            services[service.name] = service
            origins |= {key: origin for key, origin in found.origins.items() if key[0] == service.name}
    return Foreign(tuple(services.values()), origins, tuple(problems))


def import_command(
    kind: str,
    paths: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str] | None,
    *,
    force: bool = False,
    dry_run: bool = False,
    dialect: str = "auto",
) -> int:
    """Writes (or, with ``dry_run``, prints) the files and prints the report.

    Returns 0, 78 when something could not be kept, 73 when a file is there already or cannot be written; without
    ``force`` nothing at all is written then.
    """
    from superd.config.import_report import report
    from superd.config.inetd.dialects import DIALECTS
    from superd.config.toml.render import render
    from superd.load.foreign import wrong_here
    from superd.service_kinds import fit

    if kind not in ("xinetd", "inetd"):
        sys.stderr.write(f"superd: error: `{kind[:40]}` is neither xinetd nor inetd\n")
        return 64
    if dialect != "auto" and dialect not in DIALECTS:
        sys.stderr.write(f"superd: error: `{dialect[:40]}` is no dialect of inetd.conf\n")
        return 64
    if not dry_run and not output:
        sys.stderr.write("superd: error: `-o DIR` or `--dry-run` is needed\n")
        return 64
    foreign = read_foreign("xinetd" if kind == "xinetd" else "inetd", [os.fspath(path) for path in paths], dialect)
    texts: dict[str, str] = {}
    for service in foreign.services:
        name = file_name(service.name, texts)
        comments = {key: f"from {origin}" for (owner, key), origin in sorted(foreign.origins.items()) if owner == service.name}
        # superd's own files may not name a key that has no effect, which the other daemon's may.
        written, _ = fit(service, lambda _: True)
        # A native file names its user: what the other daemon did without one is said on purpose.
        user = written.user or ("root" if written.server else "")
        texts[name] = render(written.model_copy(update={"name": name.removesuffix(".toml"), "user": user}), comments)
    status = 0
    if dry_run:
        for name, text in texts.items():
            sys.stdout.write(f"# {name}\n{text}\n")
    else:
        status = _write(os.fspath(output or ""), texts, force=force)
    result = report(foreign, wrong_here(foreign))
    sys.stdout.write(str(result))
    return status or (EX_CONFIG if result.lost else 0)


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
            sys.stderr.write(f"{os.path.join(folder, name)}: error: the file is there already; nothing was written\n")
        sys.stderr.write("  hint: `--force` writes over it\n")
        return EX_CANTCREAT
    try:
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
