"""One service file: TOML text → its keys with their places → a ``Service``, or every problem at once. Reads no file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from superd.config.toml.model_errors import explain_errors, without_truths
from superd.problem import Origin, Problem, error
from superd.service import Service

KEYS = tuple(name for name in Service.model_fields if name != "name")

_PART = r"""(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_TABLE = re.compile(rf"\s*\[+\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]+")
_PARTS = re.compile(_PART)
_TOKEN = re.compile(r"""#[^\n]*|"{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'""", re.DOTALL)
_LINE = re.compile(r"\(at line (\d+), column \d+\)")

Keys = dict[str, Any]


def parse_toml(data: bytes, file: str) -> tuple[Keys, dict[str, Origin], tuple[Problem, ...]]:
    """The table of a file, where each key stands (``limits.idle`` for one in a table), or the syntax error."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        return {}, {}, (error(Origin(file, line), "not UTF-8", "save the file as UTF-8"),)
    if text.startswith("\ufeff"):
        return {}, {}, (error(Origin(file, 1), "begins with a byte order mark", "save the file as UTF-8 without it"),)
    if "\0" in text:
        return {}, {}, (error(Origin(file, text[: text.index("\0")].count("\n") + 1), "holds a NUL byte"),)
    try:
        keys = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        match = _LINE.search(str(problem))
        line = int(match[1]) if match else text.count("\n") + 1
        message = _LINE.sub("", str(problem)).strip()
        return {}, {}, (error(Origin(file, line), f"not TOML: {message[:1].lower()}{message[1:]}"),)
    places = _places(text, file)
    # Escapes make them, too. No name, path or word that the system is asked about can hold one.
    nul = [places.get(path) or places.get(path.partition(".")[0]) or Origin(file, 1) for path in _nul(keys)]
    if nul:
        return {}, {}, tuple(error(where, "holds a NUL byte") for where in dict.fromkeys(nul))
    return keys, places, ()


def _nul(value: object, path: str = "") -> list[str]:
    """The paths of the keys and values that hold a NUL byte."""
    if isinstance(value, str):
        return [path] if "\0" in value else []
    if isinstance(value, list):
        return [found for item in value for found in _nul(item, path)]
    if not isinstance(value, dict):
        return []
    inner = [found for key, item in value.items() for found in _nul(item, f"{path}.{key}" if path else key)]
    return [*inner, *(path for key in value if "\0" in key)]


def _places(text: str, file: str) -> dict[str, Origin]:
    """tomllib keeps no positions: the lines are looked through once more for what begins a key."""
    found: dict[str, Origin] = {}
    table: list[str] = []
    if '"""' in text or "'''" in text:
        text = _TOKEN.sub(lambda token: "\n" * token[0].count("\n") or token[0], text)  # no key stands in a text of many lines
    # Not splitlines: it ends lines where TOML and an editor do not.
    for number, line in enumerate(text.split("\n"), 1):
        if match := _TABLE.match(line):
            table, path = [], _split(match[1])
        elif match := _KEY.match(line):
            path = _split(match[1])
        else:
            continue
        path = [*table, *path]
        for depth in range(len(table) + 1, len(path) + 1):
            found.setdefault(".".join(path[:depth]), Origin(file, number))
        if match.re is _TABLE:
            table = path
    return {key.removesuffix("_add"): place for key, place in found.items()} | found


def _split(path: str) -> list[str]:
    return [part.strip("\"'") for part in _PARTS.findall(path)]


def merge(base: Keys, over: Keys) -> Keys:
    """``over`` on top of ``base``: key by key, tables inside; ``key_add`` appends to a list (xinetd's ``+=``)."""
    merged = dict(base)
    for key, value in over.items():
        plain = key.removesuffix("_add")
        if key.endswith("_add") and plain in KEYS:
            before = merged.get(plain, [])
            merged[plain] = [*(before if isinstance(before, list) else [before]), *_as_list(value)]
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merged[key] | value
        else:
            merged[key] = value
    return merged


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_GIVEN: dict[frozenset[str], set[str]] = {}


def make_service(
    name: str, keys: Keys, origins: Mapping[str, Origin], whole: Origin
) -> tuple[Service | None, tuple[Problem, ...]]:
    """The service; or every reason why these keys make none, beside what is left of it without them, for more checks."""
    if "name" in keys:
        where = origins.get("name", whole)
        return None, (error(where, "unknown key `name`", "the file's name is the service's id"),)
    keys, truths = without_truths(keys, origins, whole, Service)
    if truths:
        service, found = make_service(name, keys, origins, whole)
        return service, (*truths, *found)
    try:
        service = Service.model_validate({"name": name, **keys})
    except ValidationError as problem:
        wrong = {str(item["loc"][0]) for item in problem.errors(include_url=False, include_context=False) if item["loc"]}
        found = tuple(explain_errors(problem, origins, whole, Service))
    else:
        # Which keys were given is a set of 0.7 KiB in every service, and the same one in most of them.
        given = service.model_fields_set
        object.__setattr__(service, "__pydantic_fields_set__", _GIVEN.setdefault(frozenset(given), given))
        return service, ()
    try:
        return Service.model_validate({"name": name, **{key: value for key, value in keys.items() if key not in wrong}}), found
    except ValidationError:
        return None, found
