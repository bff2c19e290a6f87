"""The kinds of values that keys have: counts, modes, rates, targets and the like, as files write them, to what the code has.

Runs in: every process that has a service. Reads no file, asks no system.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

from superd.address import BindAddress, SocketType, parse_listen
from superd.log_target import FileTarget, SyslogTarget, parse_log_target
from superd.quantities import as_words
from superd.redirect import Redirect, parse_redirect
from superd.rpc_versions import RpcVersions, parse_rpc_versions


def _unlimited(value: object) -> object:
    return None if isinstance(value, str) and value.upper() == "UNLIMITED" else value


def no_rate(value: object) -> object:
    """``[0, 0]``, which is written for no limit, as None."""
    return None if isinstance(value, (list, tuple)) and len(value) == 2 and value[0] == 0 else value


def _octal(value: object) -> object:
    if isinstance(value, str):
        if not re.fullmatch(r"0?[0-7]{1,4}", value):
            raise ValueError(f"`{value}` is not an octal mode like 022")
        return int(value, 8)
    return value


def upper_words(value: object) -> object:
    """Words in capitals, one or a list."""
    words = as_words(value)
    if isinstance(words, (list, tuple, set, frozenset)):
        return [word.upper() if isinstance(word, str) else word for word in words]
    return words


def pairs(value: object) -> object:
    """A table as pairs of texts."""
    if isinstance(value, dict):
        return [(key, str(item)) for key, item in value.items()]
    return value


def in_order(value: frozenset[str]) -> list[str]:
    """A set as a file has it."""
    return sorted(value)


def absolute_folder(value: str) -> str:
    """A folder of a program: an absolute path, or ``~``. Raises ``ValueError`` for another."""
    if value and value != "~" and not value.startswith("/"):
        raise ValueError(f"`{value}` is not an absolute path, nor `~`")
    return value


def absolute_files(value: tuple[str, ...]) -> tuple[str, ...]:
    """Absolute paths, each perhaps after a ``-``. Raises ``ValueError`` for another."""
    for word in value:
        if not word.removeprefix("-").startswith("/"):
            raise ValueError(f"`{word}` is not an absolute path")
    return value


def without_nul(value: tuple[str, ...]) -> tuple[str, ...]:
    """Words that exec(3) can pass on. Raises ``ValueError`` for another."""
    if any("\0" in word for word in value):
        raise ValueError("contains a NUL byte")
    return value


def names_of_variables(value: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Variables of an environment. Raises ``ValueError`` for one that cannot be one."""
    for name, item in value:
        if not name or "=" in name or "\0" in name + item:
            raise ValueError(f"`{name}` cannot be the name of a variable")
    return value


def _target(value: object) -> object:
    if isinstance(value, str):
        return parse_log_target(value) if value else None
    if value is None or isinstance(value, (SyslogTarget, FileTarget)):
        return value
    raise ValueError(f"`{value}` is not a text in quotes")


def _parsed(parse: Callable[[str], object], kind: type) -> Callable[[object], object]:
    """A validator: a text is parsed, an empty one is none."""

    def validate(value: object) -> object:
        if isinstance(value, str):
            return parse(value) if value else None
        if value is None or isinstance(value, kind):
            return value
        raise ValueError(f"`{value}` is not a text in quotes")

    return validate


def _of_page(text: str) -> BindAddress:
    return parse_listen(text, SocketType.STREAM)


def _text(value: object) -> str:
    return "" if value is None else str(value)


Target = Annotated[Redirect | None, BeforeValidator(_parsed(parse_redirect, Redirect)), PlainSerializer(_text)]
PageAddress = Annotated[BindAddress | None, BeforeValidator(_parsed(_of_page, BindAddress)), PlainSerializer(_text)]
Versions = Annotated[RpcVersions | None, BeforeValidator(_parsed(parse_rpc_versions, RpcVersions)), PlainSerializer(_text)]
LogType = Annotated[SyslogTarget | FileTarget | None, BeforeValidator(_target), PlainSerializer(lambda value: str(value or ""))]
Count = Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(_unlimited)]
Mode = Annotated[int, BeforeValidator(_octal), Field(ge=0, le=0o7777), PlainSerializer(lambda value: f"0{value:o}")]
Rate = Annotated[float, Field(gt=0)]
Pause = Annotated[float, Field(ge=0)]
