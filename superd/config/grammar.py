"""Which reader a file is for, by its grammar: chosen here once, for every command. Reads no file; pure; any process."""

from __future__ import annotations

import re
from typing import Literal

from superd.service import Service
from superd.settings import Settings

Kind = Literal["settings", "service", "xinetd", "inetd"]
"""superd.toml, a file of one service, and the files of the other daemons."""

_KEYWORDS = frozenset({"service", "defaults", "include", "includedir"})
_TYPES = frozenset({"stream", "dgram", "raw", "rdm", "seqpacket", "tli", "sunrpc_tcp", "sunrpc_udp"})
_TABLE = re.compile(r"\s*\[+\s*([A-Za-z_][\w-]*)\s*[\].]")
_KEY = re.compile(r"""\s*["']?([A-Za-z_][\w-]*)["']?\s*(?:\.[^=]*)?=""")
_OF_SERVICES = frozenset(Service.model_fields) - frozenset(Settings.model_fields) - {"name"}
_OF_SETTINGS = (frozenset(Settings.model_fields) - frozenset(Service.model_fields)) | {"defaults"}


def grammar_of(path: str, data: bytes) -> Kind:
    """What a file holds. Its text decides, and its name where the text leaves it open."""
    name = path.rpartition("/")[2]
    lines = data.decode("utf-8", "replace").splitlines()
    if not name.endswith(".toml"):
        foreign = _foreign(name, lines)
        if foreign is not None:
            return foreign
    return _toml(path, lines)


def _foreign(name: str, lines: list[str]) -> Literal["xinetd", "inetd"] | None:
    """The other daemon whose form the first telling line has. A stray line tells nothing."""
    weak: Literal["xinetd", "inetd"] | None = None
    by_name = {"xinetd.conf": "xinetd", "inetd.conf": "inetd"}.get(name)
    toml = False
    for line in lines:
        words = line.lstrip("\ufeff").split("#")[0].split()
        if not words:
            continue
        first = words[0].lower()
        if first.partition("{")[0] in _KEYWORDS and not (len(words) > 1 and words[1].startswith("=")):
            return "xinetd"
        if _is_entry(words):
            return "inetd"
        toml = toml or _TABLE.match(line) is not None or (_KEY.match(line) is not None and "{" not in first)
        if not toml and weak is None and ((len(words) >= 5 and not words[1].startswith("=")) or first.endswith(":")):
            weak = "inetd"
    if weak is not None and not toml:
        return weak
    if toml and by_name is None:
        return None
    if by_name == "xinetd" or (not toml and "xinetd" in name):
        return "xinetd"
    return "inetd" if by_name == "inetd" or (not toml and "inetd" in name) else None


def _is_entry(words: list[str]) -> bool:
    """Whether a line is an entry of inetd.conf, of either form."""
    if words[0] == ".include" or (len(words) == 1 and re.fullmatch(r"[\w.:*,\[\]-]+:", words[0]) is not None):
        return True
    if len(words) < 2 or "=" in words[0]:
        return False
    return words[1] in ("on", "off") or (len(words) > 3 and re.split("[,:]", words[1])[0] in _TYPES)


def _toml(path: str, lines: list[str]) -> Literal["settings", "service"]:
    folder, _, name = path.rpartition("/")
    if name == "superd.toml":
        return "settings"
    table, keys = False, set[str]()
    for line in lines:
        if match := _TABLE.match(line):
            table = True
            keys.add(match[1])
        elif not table and (match := _KEY.match(line)):
            keys.add(match[1].removesuffix("_add"))
    ours, daemons = len(keys & _OF_SERVICES), len(keys & _OF_SETTINGS)
    if ours != daemons and not (ours and daemons):
        return "service" if ours else "settings"
    return "service" if folder.endswith(("services.d", ".toml.d")) else "settings"
