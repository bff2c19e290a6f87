"""A ``Service`` → the text of its file. What is written reads back as the same service; defaults are left out.

Runs in: the operator's commands. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.container import Container
from tomlkit.items import Table

from superd.config.toml.values import item
from superd.service import Service


def render(service: Service, comments: Mapping[str, str] | None = None, given: Mapping[str, Any] | None = None) -> str:
    """TOML, one key a line, with ``comments[key]`` after it; keys at their default are not written.

    ``given`` are the values of [defaults], which are not written either; what differs from these is, a default too.
    """
    comments, given = comments or {}, given or {}
    document = tomlkit.document()
    for line in comments.get("", "").splitlines():
        document.add(tomlkit.comment(_printable(line)))
    values = file_values(service)
    defaults = file_values(service.model_copy(update=_DEFAULTS))
    defaults["service"] = ""
    for key, value in values.items():
        if value != given.get(key, defaults[key]):
            _add(document, key, value, comments)
    for name in TABLES:
        own = getattr(service, name)
        plain = type(own)().model_dump(mode="json")
        differing = {key: value for key, value in own.model_dump(mode="json").items() if value != plain[key]}
        if differing:
            table = tomlkit.table()
            for key, value in differing.items():
                _add(table, key, value, {key: comments.get(f"{name}.{key}", "")})
            document.add(name, table)
    return tomlkit.dumps(document).strip("\n") + "\n"


def render_defaults(defaults: Mapping[str, Any]) -> str:
    """A superd.toml with these values as its [defaults]."""
    document = tomlkit.document()
    table = tomlkit.table()
    for key, value in defaults.items():
        _add(table, key, value, {})
    document.add("defaults", table)
    return tomlkit.dumps(document)


def file_values(service: Service) -> dict[str, Any]:
    """Every key but ``name`` and the tables as a file has it."""
    values = service.model_dump(mode="json")
    found = {key: _plain(key, values[key], service) for key in Service.model_fields if key not in ("name", *TABLES)}
    if service.service == service.name:
        found["service"] = ""
    return found


def every_value(service: Service) -> dict[str, Any]:
    """``file_values``, and the keys of the tables as ``limits.idle``."""
    tables = {name: getattr(service, name).model_dump(mode="json") for name in TABLES}
    return file_values(service) | {f"{name}.{key}": value for name, table in tables.items() for key, value in table.items()}


TABLES = ("limits", "tls", "sandbox")
_SIZES = frozenset(
    (
        "rlimit_as",
        "rlimit_data",
        "rlimit_rss",
        "rlimit_stack",
        "rlimit_core",
        "rlimit_fsize",
        "memory",
        "memory_swap",
        "private_tmp",
    )
)
"""Keys that count bytes."""
_DEFAULTS = {
    key: field.get_default(call_default_factory=True)
    for key, field in Service.model_fields.items()
    if key not in ("name", "service")
}


def size(value: int) -> int | str:
    """A number of bytes as a person writes it: 64M."""
    if value < 0:
        return "UNLIMITED"
    for unit, factor in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if value and value % factor == 0:
            return f"{value // factor}{unit}"
    return value


def _printable(comment: str) -> str:
    """A comment without what TOML forbids there."""
    return "".join(character if character.isprintable() else " " for character in comment)


def _plain(key: str, value: Any, service: Service) -> Any:
    if key == "env":
        return dict(service.env)
    if value is None and key in ("instances", "per_source"):
        return "UNLIMITED"
    if value is None and key == "cps":
        return [0, 0]
    return value


def _add(place: Container | Table, key: str, value: Any, comments: Mapping[str, str]) -> None:
    made = item(size(value) if key in _SIZES else value)
    if comment := " ".join(comments.get(key, "").split()):
        made.comment(_printable(comment))
        made.trivia.comment_ws = "  "
    place.append(key, made)
