"""Which files a socket unit and its service unit are, where systemd looks for them, drop-ins among them (systemd.unit(5)).

Runs in: the operator's commands. Never: asks systemd, or reads a unit that was generated at boot.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from superd.config.foreign import FileReader, Foreign
from superd.config.systemd.source import parse
from superd.config.systemd.unit import Unusual, read_unit, truth, values_of
from superd.problem import Origin, error

if TYPE_CHECKING:
    from superd.config.systemd.source import Units

FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Highest first."""


def read_units(name: str, files: FileReader, folders: tuple[str, ...] = FOLDERS) -> Foreign:
    """The service of a socket unit: its name, or its path. What cannot be read is an error of the answer."""
    place, _, unit = name.rpartition("/")
    stem = unit.removesuffix(".socket").removesuffix(".service").removesuffix("@")
    if place or (name.endswith(".socket") and _read(name, files)):
        folders = (place, *folders)
    socket = _unit(f"{stem}.socket", files, folders)
    if not socket:
        return Foreign(problems=(error(Origin(name), f"no unit `{stem}.socket`", "name a socket unit, or its file"),))
    each, service_name = False, f"{stem}.service"
    for path, data in socket.items():
        settings = read_unit(data, path)[0]
        for setting in values_of(settings, "Socket", "Accept"):
            try:
                each = truth(setting.value)
            except Unusual:  # `parse` says so; which unit it is for shows by which there is
                each = not _unit(service_name, files, folders)
        for setting in values_of(settings, "Socket", "Service"):
            service_name = setting.value
    if each:
        service_name = f"{stem}@.service"
    service = _unit(service_name, files, folders)
    if not service:
        return Foreign(problems=(error(Origin(next(iter(socket))), f"its service unit `{service_name}` does not exist"),))
    return parse(stem, socket, service)


def _unit(name: str, files: FileReader, folders: tuple[str, ...]) -> Units:
    """The highest file of a name, then every drop-in by its own name, the highest of each."""
    found: dict[str, bytes] = {}
    for folder in folders:
        if data := _read(os.path.join(folder, name), files):
            found[os.path.join(folder, name)] = data
            break
    drop_ins: dict[str, str] = {}
    for folder in folders if found else ():
        for part in _list(os.path.join(folder, f"{name}.d"), files):
            if part.endswith(".conf"):
                drop_ins.setdefault(part, os.path.join(folder, f"{name}.d", part))
    for _, path in sorted(drop_ins.items()):
        found[path] = _read(path, files)
    return found


def _read(path: str, files: FileReader) -> bytes:
    try:
        return files.read(path)
    except OSError:
        return b""


def _list(path: str, files: FileReader) -> list[str]:
    try:
        return files.list(path)
    except OSError:
        return []
