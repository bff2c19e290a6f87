"""Every key of the files as a row of facts: type, unit, default, meaning, example, from the models that read the files.

Runs in: the operator's commands (`superd help`, `superd schema`) and scripts/reference.
Never: holds a fact about one key; a key without a description or an example is an error, not an empty cell.
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from superd.address import SocketType
from superd.frozen import frozen
from superd.key_examples import EXAMPLES
from superd.limits import Limits
from superd.quantities import Seconds, SecondsOrZero, Size, Words
from superd.sandbox import Sandbox
from superd.service import Service
from superd.service_limits import ServiceLimits
from superd.service_values import Count, LogType, Mode, PageAddress, Target, Versions
from superd.settings import ControlSettings, Facility, LogSettings, MetricsSettings, PageSettings, PolicySettings, Settings
from superd.source_limits import PenaltyKeys, SourceLimit
from superd.tls_keys import TlsKeys

ALIASES: list[tuple[Any, str, str]] = [
    (Seconds, "duration", "seconds"),
    (SecondsOrZero, "duration", "seconds"),
    (Size, "size", "bytes"),
    (Count, "whole number or `UNLIMITED`", ""),
    (Mode, "octal mode", ""),
    (Words, "text or list of texts", ""),
    (Facility, "syslog facility", ""),
    (LogType, "text", ""),
    (Target, "text", ""),
    (Versions, "text", ""),
    (PageAddress, "text", ""),
]
"""The types that take more than their Python type shows, by what is written for them, and their unit."""
FIRST_VERSION = "0.1.0"
"""The version that a key is there since, unless its field says `json_schema_extra={"since": ...}`."""


@frozen
class Table:
    """A table of keys: where it stands in a file, as a prefix of its keys' paths, and the model that reads it."""

    title: str
    prefix: str
    model: type[BaseModel]
    file: str


SERVICE_FILE = "a service file, or [defaults] of superd.toml"
TABLES = (
    Table("A service", "", Service, SERVICE_FILE),
    Table("`[limits]` of a service", "limits.", Limits, SERVICE_FILE),
    Table("`[[limits.source]]` of a service", "limits.source.", SourceLimit, SERVICE_FILE),
    Table("`[limits.penalties]` of a service", "limits.penalties.", PenaltyKeys, SERVICE_FILE),
    Table("`[limits.service]` of a service", "limits.service.", ServiceLimits, SERVICE_FILE),
    Table("`tls` of a service", "tls.", TlsKeys, SERVICE_FILE),
    Table("`[sandbox]` of a service", "sandbox.", Sandbox, SERVICE_FILE),
    Table("superd.toml", "", Settings, "superd.toml"),
    Table("`[policy]` of superd.toml", "policy.", PolicySettings, "superd.toml"),
    Table("`[log]` of superd.toml", "log.", LogSettings, "superd.toml"),
    Table("`[control]` of superd.toml", "control.", ControlSettings, "superd.toml"),
    Table("`[metrics]` of superd.toml", "metrics.", MetricsSettings, "superd.toml"),
    Table("`[page]` of superd.toml", "page.", PageSettings, "superd.toml"),
)
TABLE_OF = {table.model: table for table in TABLES}


@frozen
class Key:
    """One key. Texts are Markdown: values stand in backquotes. ``hint`` is its Python type."""

    name: str
    table: Table
    type: str
    default: str
    unit: str
    meaning: str
    example: str
    since: str
    restart: bool
    hint: Any

    @property
    def path(self) -> str:
        """The key with its table, as `limits.idle`."""
        return self.table.prefix + self.name

    @property
    def sentence(self) -> str:
        """The meaning with a capital and a full stop; a value that it begins with is left as it is written."""
        first = self.meaning.split(" ", 1)[0]
        text = self.meaning if first.endswith(":") else self.meaning[:1].upper() + self.meaning[1:]
        return f"{text}."


class Undescribed(Exception):
    """A key of a model that cannot be looked up."""


def keys_of(table: Table) -> list[Key]:
    """Return the keys of one table in the model's order. Raises ``Undescribed``."""
    model = table.model
    hints = get_type_hints(model, include_extras=True)
    example: BaseModel = Service(name="x", disable=True) if model is Service else model()
    values = example.model_dump(mode="json") | ({"disable": False, "service": "", "env": {}} if model is Service else {})
    return [
        _key(name, field, table, hints[name], values)
        for name, field in model.model_fields.items()
        if (model, name) != (Service, "name")  # no key of a file
    ]


def all_keys() -> list[Key]:
    """Return every key of every file. Raises ``Undescribed``."""
    return [key for table in TABLES for key in keys_of(table)]


def _key(name: str, field: FieldInfo, table: Table, hint: Any, values: dict[str, Any]) -> Key:
    examples = EXAMPLES.get(table.model.__name__, {})
    for what, found in (("description", field.description), ("example in superd/key_examples.py", examples.get(name))):
        if not found:
            raise Undescribed(f"{table.model.__name__}.{name}: error: the key has no {what}")
    text, unit = type_of(hint)
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return Key(
        name,
        table,
        text + bounds_of(field),
        _default(values[name]),
        str(extra.get("unit", unit)),
        field.description or "",
        examples[name],
        str(extra.get("since", FIRST_VERSION)),
        bool(extra.get("restart")),
        hint,
    )


def type_of(hint: Any) -> tuple[str, str]:
    """What an operator writes for ``hint``, and its unit where the type says it."""
    for alias, text, unit in ALIASES:
        if hint == alias:
            return text, unit
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return type_of(arguments[0])
    if origin in (Union, UnionType):
        parts = [type_of(part) for part in arguments if part is not NoneType]
        return " or ".join(dict.fromkeys(text for text, _ in parts)), next((unit for _, unit in parts if unit), "")
    if origin is Literal:
        return ", ".join(f'`"{word}"`' for word in arguments), ""
    if origin in (frozenset, tuple) and get_origin(arguments[0]) is Literal:
        words = " ".join(f"`{word}`" for word in get_args(arguments[0]))
        return f"words of {words}" if origin is frozenset else f"list of {words}", ""
    if origin is tuple and arguments == (tuple[str, str], ...):
        return 'table of texts, `{ NAME = "value" }`', ""
    if origin is tuple and arguments[-1] is ...:
        return f"list of {type_of(arguments[0])[0]}s", ""
    if origin is tuple:
        return f"`[{', '.join(type_of(part)[0] for part in arguments)}]`", ""
    if hint is SocketType:
        return ", ".join(f'`"{word.value}"`' for word in SocketType), ""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return "table", ""
    return {bool: "`true` or `false`", int: "whole number", float: "number", str: "text"}[hint], ""


def bounds_of(field: FieldInfo) -> str:
    """`1 to 65535`, `from 1`, or nothing."""
    if field.annotation is int and isinstance(field.default, int) and get_args(Mode)[1] in field.metadata:
        return ""  # an octal mode says its bounds by itself
    found = limits_of(field)
    if "ge" in found and "le" in found:
        return f", {found['ge']:g} to {found['le']:g}"
    if "ge" in found:
        return f", from {found['ge']:g}"
    return f", above {found['gt']:g}" if "gt" in found else ""


def limits_of(field: FieldInfo) -> dict[str, float]:
    """The numbers that a field's value must be above, or must not pass: by pydantic's names."""
    return {name: getattr(item, name) for item in field.metadata for name in ("ge", "gt", "le") if hasattr(item, name)}


def _default(value: Any) -> str:
    """The default as a file would say it."""
    if value is None:
        return "unset"
    if isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}`"
    if isinstance(value, str):
        return f'`"{value}"`'
    if isinstance(value, list):
        return "`[" + ", ".join(f'"{item}"' if isinstance(item, str) else f"{item:g}" for item in value) + "]`"
    return f"`{value}`"
