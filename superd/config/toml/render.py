"""A ``Service`` → the text of its file. What is written reads back as the same service; defaults are left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from superd.service import Limits, Service


def render(service: Service, comments: Mapping[str, str] | None = None) -> str:
    """TOML, one key a line, with ``comments[key]`` behind it; keys at their default are not written."""
    comments = comments or {}
    lines: list[str] = []
    if "" in comments:
        lines += [f"# {line}" for line in comments[""].splitlines()]
    values = service.model_dump(mode="json")
    for key, field in Service.model_fields.items():
        if key in ("name", "limits") or getattr(service, key) == field.get_default(call_default_factory=True):
            continue
        if key == "service" and service.service == service.name:
            continue
        lines.append(_line(key, _plain(key, values[key], service), comments.get(key, "")))
    default = Limits().model_dump(mode="json")
    limits = {key: value for key, value in values["limits"].items() if value != default[key]}
    if limits:
        lines += ["", "[limits]"]
        lines += [_line(key, value, comments.get(f"limits.{key}", "")) for key, value in limits.items()]
    return "\n".join(lines) + "\n"


def _plain(key: str, value: Any, service: Service) -> Any:
    if key == "env":
        return dict(service.env)
    if value is None and key in ("instances", "per_source"):
        return "UNLIMITED"
    if value is None and key == "cps":
        return [0, 0]
    return value


def _line(key: str, value: Any, comment: str) -> str:
    text = f"{key} = {_toml(value)}"
    return f"{text}  # {' '.join(comment.split())}" if comment else text


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_quoted(name)} = {_toml(item)}" for name, item in value.items()) + " }"
    return "[" + ", ".join(_toml(item) for item in value) + "]"


def _quoted(text: str) -> str:
    # JSON's escapes are TOML's but for DEL, which TOML wants escaped and JSON leaves.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
