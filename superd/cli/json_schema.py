"""``superd schema``: the JSON Schemas of the files, for editors and validators, from the same facts as the reference.

Runs in: the operator's commands and scripts/reference.
Never: stands for ``superd check``: it knows one file, no host and no other service. A file that ``check`` takes, it takes too.
"""

from __future__ import annotations

import json
import os
import sys
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from superd.address import SocketType
from superd.cli.key_facts import TABLE_OF, Key, Table, keys_of, limits_of
from superd.quantities import Seconds, SecondsOrZero, Size, Words
from superd.sandbox import Sandbox
from superd.service import Service
from superd.service_values import Count, LogType, Mode, PageAddress, Target, Versions
from superd.settings import Facility, Settings
from superd.syslog_priority import FACILITIES

KINDS = ("service", "config")
IDS = {kind: f"https://json.schemastore.org/superd-{kind}.json" for kind in KINDS}
"""Names that never change; SchemaStore's entry (packaging/schemastore.json) maps files to them."""
DRAFT = "http://json-schema.org/draft-07/schema#"
"""What SchemaStore and the TOML editors know."""
INSTALLED = "share/superd/schema/superd-{}.json"

Schema = dict[str, Any]
_TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
_ALIASES: list[tuple[Any, Schema]] = [
    (
        Seconds,
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^(?=.)(\d+d)?(\d+h)?(\d+m)?(\d+(\.\d+)?s?)?$"},
            ]
        },
    ),
    (
        SecondsOrZero,
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^(?=.)(\d+d)?(\d+h)?(\d+m)?(\d+(\.\d+)?s?)?$"},
            ]
        },
    ),
    (
        Size,
        {
            "anyOf": [
                {"type": "integer", "minimum": -1},
                {"type": "string", "pattern": r"^(\d+[KMGkmg]?|[Uu][Nn][Ll][Ii][Mm][Ii][Tt][Ee][Dd])$"},
            ]
        },
    ),
    (
        Count,
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"enum": ["UNLIMITED"]},
                {"type": "string", "pattern": "^[Uu][Nn][Ll][Ii][Mm][Ii][Tt][Ee][Dd]$"},
            ]
        },
    ),
    (
        Mode,
        {"anyOf": [{"type": "string", "pattern": "^0?[0-7]{1,4}$"}, {"type": "integer", "minimum": 0, "maximum": 0o7777}]},
    ),
    (Words, {"anyOf": [{"type": "string"}, _TEXTS]}),
    (Facility, {"enum": list(FACILITIES)}),
    (LogType, {"type": "string"}),
    (Target, {"type": "string"}),
    (Versions, {"type": "string"}),
    (PageAddress, {"type": "string"}),
]


def schema_of(kind: str) -> Schema:
    """Return the schema of a service file (``service``) or of superd.toml (``config``)."""
    service = _service()
    if kind == "service":
        body, title = service, "A service file of superd"
    else:
        body, title = _table(TABLE_OF[Settings]), "superd.toml, the settings of superd"
        body["properties"]["defaults"] = {**service, "description": "keys of a service file, for all services"}
    return {"$schema": DRAFT, "$id": IDS[kind], "title": title, **body}


def text_of(kind: str) -> str:
    """Return the schema as it is written to a file."""
    return json.dumps(schema_of(kind), indent=1) + "\n"


def schema_line(kind: str) -> str:
    """Return the first line of a file that superd writes: editors find the schema by it."""
    installed = os.path.join(sys.prefix, INSTALLED.format(kind))
    return f"#:schema {'file://' + installed if os.path.exists(installed) else IDS[kind]}"


def print_schema(kind: str) -> int:
    """Print one. Returns 0."""
    sys.stdout.write(text_of(kind))
    return 0


def _service() -> Schema:
    found = _table(TABLE_OF[Service])
    for name, key in list(found["properties"].items()):
        if _is_list(key):
            found["properties"][f"{name}_add"] = {**key, "description": f"appended to `{name}` of the file or folder below"}
    return found


def _is_list(schema: Schema) -> bool:
    return schema.get("type") == "array" or any(part.get("type") == "array" for part in schema.get("anyOf", ()))


def _table(table: Table) -> Schema:
    properties = {key.name: _of_key(key) for key in keys_of(table)}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _of_key(key: Key) -> Schema:
    found = _of(key.hint)
    limits = limits_of(key.table.model.model_fields[key.name])
    words = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}
    if found.get("type") in ("integer", "number"):
        found |= {words[name]: value for name, value in limits.items()}
    unit = f" ({key.unit})" if key.unit else ""
    default = f". Default: {key.default}" if key.default else ""
    return {**found, "description": f"{key.meaning}{unit}{default}. Example: {key.name} = {key.example}"}


def _of(hint: Any) -> Schema:
    for alias, schema in _ALIASES:
        if hint == alias:
            return dict(schema)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _of(arguments[0])
    if origin in (Union, UnionType):
        parts = [_of(part) for part in arguments if part is not NoneType]
        return parts[0] if len(parts) == 1 else {"anyOf": parts}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is frozenset:
        words = get_args(arguments[0])
        either = {"anyOf": [{"enum": list(words)}, {"type": "string", "pattern": f"^({'|'.join(map(_any_case, words))})$"}]}
        return {"anyOf": [*either["anyOf"], {"type": "array", "items": either}]}
    if origin is tuple and arguments == (tuple[str, str], ...):
        return {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
    if origin is tuple and arguments[-1] is ...:
        return {"type": "array", "items": _of(arguments[0])}
    if origin is tuple:
        # [0, 0] is a way to write "no limit": the bounds of the numbers are for the reader.
        return {"type": "array", "items": [_of(part) for part in arguments], "additionalItems": False, "minItems": len(arguments)}
    if hint is SocketType:
        return {"enum": [word.value for word in SocketType]}
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        table = _table(TABLE_OF[hint])
        return {"anyOf": [{"enum": ["strict"]}, table]} if hint is Sandbox else table
    return {"type": {bool: "boolean", int: "integer", float: "number", str: "string"}[hint]}


def _any_case(word: str) -> str:
    return "".join(f"[{letter}{letter.lower()}]" for letter in word)
