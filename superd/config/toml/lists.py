"""One text where a list is meant: `server_args = "-n 3"`. What stands there is found, and said with the line as it should be.

Pure; any process.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from superd.config.toml.values import as_toml
from superd.problem import Origin, Problem, error, warning

_LISTS = frozenset(["flags", "type", "log_on_success", "log_on_failure", "only_from", "no_access", "listen", "passenv", "groups"])
"""Keys whose words hold neither blanks nor commas, so that a text with them can only be a list."""
_LONGEST = 4000
"""Characters of a text that is looked at; a longer one is not a list that was typed."""
_PAIRS = frozenset(["cps"])
_TARGET = re.compile(r"(\S+)\s+(\w+)")


def check_lists(keys: Mapping[str, Any], origins: Mapping[str, Origin], whole: Origin) -> tuple[dict[str, Any], list[Problem]]:
    """The keys without those that cannot be right, and what is wrong with each. `server_args` is used as it stands."""
    left: dict[str, Any] = {}
    found: list[Problem] = []
    for key, value in keys.items():
        message, right, fatal = _one(key.removesuffix("_add"), value)
        if message:
            hint = f"write `{key} = {as_toml(right)}`"
            found.append((error if fatal else warning)(origins.get(key, whole), f"`{key}`: {message}", hint))
        if not (message and fatal):
            left[key] = value
    return left, found


def _one(key: str, value: Any) -> tuple[str, Any, bool]:
    """What is wrong with a value, the right one, and whether the wrong one is of no use."""
    if key == "env":
        return _variables(value)
    if not isinstance(value, str) or len(value) > _LONGEST or not re.search(r"[\s,]", value.strip()):
        return "", None, False
    if key == "server_args":
        if not re.search(r"\s", value.strip()):
            return "", None, False
        return f"`{value[:80]}` is one argument, blanks and all", _as_shell(value), False
    if key == "redirect" and (target := _TARGET.fullmatch(value.strip())):
        host = f"[{target[1]}]" if ":" in target[1] else target[1]
        return f"`{value[:80]}`: host and port are joined by a colon", f"{host}:{target[2]}", True
    words = [word for word in re.split(r"[\s,]+", value) if word]
    if key in _LISTS and len(words) > 1:
        return f"`{value[:80]}` is one text: a list has each word in quotes of its own", words, True
    if key in _PAIRS and len(words) == 2 and all(re.fullmatch(r"\d{1,9}", word, re.ASCII) for word in words):
        return f"`{value[:80]}` is a text: two numbers are a list", [int(word) for word in words], True
    return "", None, False


def _variables(value: Any) -> tuple[str, Any, bool]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and "=" in word for word in words):
        return "", None, False
    pairs = [word.partition("=") for text in words for word in (_as_shell(text) if isinstance(value, str) else [text])]
    return "variables are a table", {name: item for name, _, item in pairs}, True


def _as_shell(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
