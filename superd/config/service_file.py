"""One service file: TOML text → its keys with their places → a ``Service``, or every problem at once. Reads no file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from superd.problem import Origin, Problem, did_you_mean, error
from superd.service import Limits, Service

KEYS = tuple(name for name in Service.model_fields if name != "name")
LIMIT_KEYS = tuple(Limits.model_fields)

_KEY = re.compile(r"""^\s*(?:"([^"]+)"|'([^']+)'|([A-Za-z0-9_-]+))\s*(?:\.\s*([A-Za-z0-9_-]+)\s*)?=""")
_TABLE = re.compile(r"^\s*\[+\s*([A-Za-z0-9_.-]+)\s*\]+")
_LINE = re.compile(r"\(at line (\d+), column \d+\)")

Keys = dict[str, Any]


def parse_toml(data: bytes, file: str) -> tuple[Keys, dict[str, Origin], tuple[Problem, ...]]:
    """The table of a file, where each key stands (``limits.idle`` for one in a table), or the syntax error."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        return {}, {}, (error(Origin(file, line), "not UTF-8", "save the file as UTF-8"),)
    if "\0" in text:
        return {}, {}, (error(Origin(file, text[: text.index("\0")].count("\n") + 1), "holds a NUL byte"),)
    try:
        keys = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        match = _LINE.search(str(problem))
        line = int(match[1]) if match else text.count("\n") + 1
        message = _LINE.sub("", str(problem)).strip()
        return {}, {}, (error(Origin(file, line), f"not TOML: {message[:1].lower()}{message[1:]}"),)
    return keys, _places(text, file), ()


def _places(text: str, file: str) -> dict[str, Origin]:
    """tomllib keeps no positions: the lines are looked through once more for what begins a key."""
    found: dict[str, Origin] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE.match(line):
            table = match[1]
            found.setdefault(table, Origin(file, number))
        elif match := _KEY.match(line):
            key = match[1] or match[2] or match[3]
            path = f"{table}.{key}" if table else key
            found.setdefault(path, Origin(file, number))
            if match[4]:
                found.setdefault(f"{path}.{match[4]}", Origin(file, number))
    return found


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
    try:
        service = Service.model_validate({"name": name, **keys})
    except ValidationError as problem:
        wrong = {str(item["loc"][0]) for item in problem.errors(include_url=False, include_context=False) if item["loc"]}
        found = tuple(explain_errors(problem, origins, whole, KEYS))
    else:
        # Which keys were given is a set of 0.7 KiB in every service, and the same one in most of them.
        given = service.model_fields_set
        object.__setattr__(service, "__pydantic_fields_set__", _GIVEN.setdefault(frozenset(given), given))
        return service, ()
    try:
        return Service.model_validate({"name": name, **{key: value for key, value in keys.items() if key not in wrong}}), found
    except ValidationError:
        return None, found


def explain_errors(problem: ValidationError, origins: Mapping[str, Origin], whole: Origin, known: Iterable[str]) -> list[Problem]:
    """pydantic's findings as problems with a place, a value and a hint; several of one key become one."""
    found: dict[tuple[str, str], Problem] = {}
    for item in problem.errors(include_url=False, include_context=False):
        path = [str(part) for part in item["loc"]]
        key = path[0] if path else ""
        dotted = ".".join(path[:2]) if len(path) > 1 and path[1] in LIMIT_KEYS else key
        if item["type"] == "extra_forbidden":
            names = LIMIT_KEYS if len(path) > 1 and path[0] == "limits" else tuple(known)
            where = origins.get(".".join(path[:2]), origins.get(key, whole))
            found[path[-1], "unknown"] = error(where, f"unknown key `{path[-1]}`", did_you_mean(path[-1], names))
            continue
        if (key, "unknown") in found or (dotted, "value") in found:
            continue
        where = origins.get(dotted, origins.get(key, whole))
        message = item["msg"].removeprefix("Value error, ")
        if not key:
            found["", message] = error(where, message)
            continue
        value = item["input"]
        shown = f"`{str(value)[:80]}`"
        text = message if shown in message else f"{message[:1].lower()}{message[1:]}, not {shown}"
        found[dotted, "value"] = error(where, f"`{dotted}`: {text}")
    return list(found.values())
