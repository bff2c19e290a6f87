"""One service file: TOML text → its keys with their places → a ``Service``, or every problem at once. Reads no file.

Runs in: the reading child, the operator's commands. Pure.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from superd.config.toml.lists import check_lists
from superd.config.toml.model_errors import explain_errors, without_truths
from superd.config.toml.values import as_toml
from superd.look_alikes import look_alike
from superd.problem import Origin, Problem, error, errors
from superd.service import Service

KEYS = tuple(name for name in Service.model_fields if name != "name")

_PART = r"""(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_TABLE = re.compile(rf"\s*\[+\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]+")
_PARTS = re.compile(_PART)
_TOKEN = re.compile(r"""#[^\n]*|"{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'""", re.DOTALL)
_PARTS_OF_A_KEY = 15
_DEEP = re.compile(rf"(?<![\w-])(?:[\w-]+[ \t]*\.[ \t]*){{{_PARTS_OF_A_KEY}}}[\w-]", re.ASCII)
_UNIT = re.compile(r"^\[(Unit|Socket|Service|Install)\]\s*$", re.MULTILINE)
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
        return {}, {}, (error(Origin(file, text[: text.index("\0")].count("\n") + 1), "contains a NUL byte"),)
    if not file.endswith(".toml") and (unit := _UNIT.search(text)):
        hint = f"type `superd import systemd {file} -o DIR`"
        return {}, {}, (error(Origin(file, text.count("\n", 0, unit.start()) + 1), "is a unit of systemd", hint),)
    deep = _too_deep(text)
    if deep:
        return {}, {}, (error(Origin(file, deep), f"a key of more than {_PARTS_OF_A_KEY} parts"),)
    try:
        keys = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        return {}, {}, (_syntax_error(str(problem), text, file),)
    places = _places(text, file)
    # Escapes make them, too. No name, path or word that the system is asked about can hold one.
    with_nul = _nul(keys) if "\\" in text else []
    nul = [places.get(path) or places.get(path.partition(".")[0]) or Origin(file, 1) for path in with_nul]
    if nul:
        return {}, {}, tuple(error(where, "contains a NUL byte") for where in dict.fromkeys(nul))
    return keys, places, ()


def _too_deep(text: str) -> int:
    """The line of a key with more parts than any has, or 0. tomllib's time grows with the square of their number."""
    if text.count(".") < _PARTS_OF_A_KEY:
        return 0
    plain = _TOKEN.sub(lambda token: "" if token[0][0] == "#" else "q" + "\n" * token[0].count("\n"), text)
    match = _DEEP.search(plain)
    return plain.count("\n", 0, match.start()) + 1 if match else 0


def _syntax_error(message: str, text: str, file: str) -> Problem:
    """What tomllib says, in an operator's words, with the line as it was probably meant."""
    match = _LINE.search(message)
    number = int(match[1]) if match else text.count("\n") + 1
    message = _LINE.sub("", message).strip()
    lines = text.split("\n")
    line = lines[min(number, len(lines)) - 1]
    key, sign, value = (part.strip() for part in line.partition("="))
    hint = ""
    if strange := look_alike(line):
        message, hint = strange[0], f"write `{strange[1].strip()[:400]}`"
    elif message.startswith("Cannot overwrite a value") and key:
        first = next((at for at, other in enumerate(lines, 1) if other.partition("=")[0].strip() == key), number)
        message, hint = f"`{key[:80]}` stands twice, first in line {first}", f"remove this line, or line {first}"
    elif sign and value[:1] in "\"'" and value.count(value[:1]) == 1 and value:
        message, hint = f"the quote of `{key[:80]}` is not closed", f"write `{key} = {value[:300]}{value[0]}`"
    elif sign and re.fullmatch(r"[^\s\"'\[{#][^\"'\[\]{}#]*", value):
        message = f"the value of `{key[:80]}` is not a number, and a text stands in quotes"
        hint = f"write `{key} = {as_toml(_truth_or_text(value))}`"
    elif re.match(r"(service|defaults)\b", line):
        message, hint = "this is xinetd's form", "give the file another name than .toml, or run `superd import xinetd`"
    return error(Origin(file, number), f"not TOML: {message[:1].lower()}{message[1:]}", hint)


def _truth_or_text(value: str) -> bool | str:
    return {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}.get(value.lower(), value)


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
    lists: dict[str, int] = {}
    if '"""' in text or "'''" in text:
        text = _TOKEN.sub(lambda token: "\n" * token[0].count("\n") or token[0], text)  # no key stands in a text of many lines
    # Not splitlines: it ends lines where TOML and an editor do not.
    for number, line in enumerate(text.split("\n"), 1):
        if match := _TABLE.match(line):
            table, path = [], _split(match[1])
            if line.lstrip().startswith("[["):  # one of a list of tables
                name = ".".join(path)
                found.setdefault(name, Origin(file, number))
                path[-1] += f"[{lists.setdefault(name, 0)}]"
                lists[name] += 1
        elif match := _KEY.match(line):
            if not table and match[1] not in found and match[1].isidentifier():
                found[match[1]] = Origin(file, number)  # as nearly every line
                continue
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
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged


def _merged(base: Keys, over: Keys) -> Keys:
    """One table on another, tables in it too."""
    merged = base | over
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merged[key] = _merged(base[key], value)
    return merged


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_GIVEN: dict[frozenset[str], set[str]] = {}


def make_service(
    name: str, keys: Keys, origins: Mapping[str, Origin], whole: Origin
) -> tuple[Service | None, tuple[Problem, ...]]:
    """The service and warnings; or every reason why these keys make none, with what is left of it, for more checks."""
    if "name" in keys:
        where = origins.get("name", whole)
        return None, (error(where, "unknown key `name`", "remove it: the file's name is the service's id"),)
    keys, truths = without_truths(keys, origins, whole, Service)
    keys, lists = check_lists(keys, origins, whole)
    found = (*truths, *lists)
    try:
        service = Service.model_validate({"name": name, **keys})
    except ValidationError as problem:
        wrong = {str(item["loc"][0]) for item in problem.errors(include_url=False, include_context=False) if item["loc"]}
        if wrong or not errors(found):  # that nothing is left to run follows from what was left out
            found = (*found, *explain_errors(problem, origins, whole, Service, examples=True))
    else:
        if errors(found):  # of a key that was left out: what is left serves nothing, and is looked at all the same
            return service, found
        # Which keys were given is a set of 0.7 KiB in every service, and the same one in most of them.
        given = service.model_fields_set
        object.__setattr__(service, "__pydantic_fields_set__", _GIVEN.setdefault(frozenset(given), given))
        return service, found
    # Without the wrong keys nothing may be left to run: that is not another fault. A disabled service may have nothing to run.
    left = {key: value for key, value in keys.items() if key not in wrong}
    try:
        service = Service.model_validate({"name": name, **left, "disable": True})
    except ValidationError:
        return None, found
    return service.model_copy(update={"disable": bool(left.get("disable", False))}), found
