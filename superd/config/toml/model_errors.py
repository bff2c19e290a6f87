"""What a model found wrong with a table of keys, in an operator's words: place, key, value, what it should be. Reads no file.

Runs in: the reading child, the operator's commands. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from superd.config.synonyms import meant
from superd.config.toml.values import as_toml
from superd.key_examples import EXAMPLES
from superd.problem import Origin, Problem, did_you_mean, error
from superd.quantities import quantity_meant

_LONGEST = 80
"""Characters of a value that are shown."""
_MOST = 100
"""Wrong keys that are named one by one: to find what a word was meant to be takes a millisecond."""
_TRUTHS = {**dict.fromkeys(("yes", "true", "on", "1"), True), **dict.fromkeys(("no", "false", "off", "0"), False)}
_NOUNS = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "finite_number": "a number",
    "float_parsing": "a number",
    "float_type": "a number",
    "frozen_set_type": "a list",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_type": "a whole number",
    "missing": "a list of two",  # of a pair: no key has to be given
    "model_type": "a table",
    "string_type": "a text in quotes",
    "too_long": "a list of two",
    "tuple_type": "a list",
}
"""pydantic's types of errors, as what the value is not."""
_BOUNDS = {
    "greater_than": ("gt", "is not more than"),
    "greater_than_equal": ("ge", "is less than"),
    "less_than_equal": ("le", "is more than"),
}
_WORDS = {
    **dict.fromkeys(("queue", "block", "hold", "pause"), "wait"), **dict.fromkeys(("drop", "reject", "deny", "close"), "refuse"),
    **dict.fromkeys(("kill", "terminate", "stop"), "end"), **dict.fromkeys(("leave", "stay", "none", "process"), "keep"),
    **dict.fromkeys(("tcp", "tcp4", "tcp6"), "stream"), **dict.fromkeys(("udp", "udp4", "udp6", "datagram"), "dgram"),
    **dict.fromkeys(("syslog", "journal", "file"), "log"), **dict.fromkeys(("client", "stdout", "inherit"), "socket"),
}  # fmt: skip
"""What others call the words that a key may have."""
_CHOICES = frozenset({"enum", "literal_error"})
_LISTS = frozenset({"missing", "too_long", "tuple_type"})


def explain_errors(
    problem: ValidationError,
    origins: Mapping[str, Origin],
    whole: Origin,
    model: type[BaseModel],
    more: tuple[str, ...] = (),
    *,
    examples: bool = False,
) -> list[Problem]:
    """One problem for each wrong key. ``origins``: the place of each, ``table.key`` for one in a table.

    ``more`` are keys that a wrong one may stand for, besides the model's own. With ``examples`` a hint shows how a key is written
    in TOML.
    """
    by_key: dict[str, list[Any]] = {}
    for item in problem.errors(include_url=False):
        by_key.setdefault(".".join(_path(item["loc"], model)), []).append(item)
    found = []
    for key, items in list(by_key.items())[:_MOST]:
        places = (key, key.rpartition(".")[0], key.partition("[")[0], key.partition(".")[0])
        where = next((origins[place] for place in places if place in origins), whole)
        text, hint = _explain(key, items, model, more)
        found.append(error(where, text, hint or (_example(items[0], model) if examples and " like " not in text else "")))
    if len(by_key) > _MOST:
        found.append(
            error(whole, f"{len(by_key) - _MOST} more keys are wrong", "a file of another daemon is read by: superd import")
        )
    return found


def without_truths(
    keys: Mapping[str, Any], origins: Mapping[str, Origin], whole: Origin, model: type[BaseModel], table: str = ""
) -> tuple[dict[str, Any], list[Problem]]:
    """The keys without ``true`` and ``false`` where a number belongs, and without words and numbers where a truth does.

    To Python and pydantic they are the same, and no operator means that.
    """
    left: dict[str, Any] = {}
    found: list[Problem] = []
    for key, value in keys.items():
        dotted = f"{table}.{key}" if table else key
        inner = tables(model).get(key)
        if isinstance(value, bool) and key in model.model_fields and key not in _truths(model):
            text = f"`{dotted}`: {shown(value)} is not a value of this key"
            example = EXAMPLES.get(model.__name__, {}).get(key)
            hint = f"for example `{key} = {example}`" if example else ""
            found.append(error(origins.get(dotted, origins.get(table, whole)), text, hint))
        elif isinstance(value, (str, int, float)) and not isinstance(value, bool) and key in _plain_truths(model):
            truth = _TRUTHS.get(str(value).lower())
            hint = f"write `{key} = {as_toml(truth)}`" if truth is not None else "write true or false"
            where = origins.get(dotted, origins.get(table, whole))
            found.append(error(where, f"`{dotted}`: {shown(value)} is not true or false", hint))
        elif inner is not None and isinstance(value, dict):
            left[key], more = without_truths(value, origins, whole, inner, dotted)
            found += more
        else:
            left[key] = value
    return left, found


def _path(loc: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """The tables and the key of a finding: what follows them are items of lists and the like.

    A table of a list of tables is ``source[0]``: one of its own.
    """
    found: list[str] = []
    inner: type[BaseModel] | None = model
    for number, part in enumerate(loc):
        if inner is None:
            break
        if isinstance(part, int):
            continue
        later = loc[number + 1] if number + 1 < len(loc) else None
        item = listed(inner).get(part) if isinstance(later, int) else None
        found.append(part if item is None else f"{part}[{later}]")
        inner = item or tables(inner).get(part)
    return found


def _inside(model: type[BaseModel], part: str) -> type[BaseModel] | None:
    """What stands in a table that ``_path`` names."""
    name, _, numbered = part.partition("[")
    return (listed if numbered else tables)(model).get(name)


@cache
def listed(model: type[BaseModel]) -> Mapping[str, type[BaseModel]]:
    """The keys of a model that are lists of tables, and what stands in each table."""
    kinds = {name: get_args(field.annotation) for name, field in model.model_fields.items()}
    return {
        name: kind[0]
        for name, kind in kinds.items()
        if len(kind) == 2 and kind[1] is ... and isinstance(kind[0], type) and issubclass(kind[0], BaseModel)
    }


@cache
def tables(model: type[BaseModel]) -> Mapping[str, type[BaseModel]]:
    """The keys of a model that are tables, and what stands in each."""
    kinds = {name: field.annotation for name, field in model.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


@cache
def _truths(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(name for name, field in model.model_fields.items() if "bool" in str(field.annotation))


@cache
def _plain_truths(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(name for name, field in model.model_fields.items() if field.annotation is bool)


def shown(value: object) -> str:
    """A value as TOML has it, in backquotes and not too long."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text[:_LONGEST]}…`" if len(text) > _LONGEST else f"`{text}`"


def _explain(key: str, items: list[Any], model: type[BaseModel], more: tuple[str, ...]) -> tuple[str, str]:
    first = items[0]
    kind, value = first["type"], shown(first["input"])
    parts = _path(first["loc"], model)
    table, name = ".".join(parts[:-1]), parts[-1] if parts else ""
    if kind == "extra_forbidden":
        return f"unknown key `{name[:_LONGEST]}`", _meant(name, table, model, more, first["input"]) if len(name) < 100 else ""
    if kind not in _NOUNS and kind not in _BOUNDS and kind not in _CHOICES:
        message = first["msg"].removeprefix("Value error, ")
        text = message if "`" in message or not key else f"{message}, not {value}"
        right = quantity_meant(first["input"]) if " is not a duration " in text or " is not a size " in text else ""
        return (f"`{key}`: {text}" if key else text), f"did you mean `{right}`?" if right else ""
    hint = _owner(parts, model).model_fields[name].description or "" if kind in _LISTS else ""
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"`{key}`: {value} {words} {first['ctx'][bound]:g}", hint
    if kind in _CHOICES and isinstance(first["loc"][-1], int):
        return _wrong_words(key, items)
    # Of a key that may be one thing or another each has its finding: the value is neither.
    nouns = dict.fromkeys(_noun(item) for item in items if item["input"] == first["input"])
    if kind in _CHOICES and isinstance(first["input"], str):
        choices = re.findall(r"'([^']+)'", str(first["ctx"]["expected"]))
        word = _WORDS.get(first["input"].lower(), first["input"].lower())
        hint = f"did you mean `{word}`?" if word in choices else did_you_mean(first["input"], choices)
    return f"`{key}`: {value} is not {' or '.join(noun for noun in nouns if noun)}", hint


def _example(item: Any, model: type[BaseModel]) -> str:
    """How a key is written; ``""`` for one that is not known, and for a text that is said to be wrong in words of its own."""
    parts = _path(item["loc"], model)
    if not parts or (isinstance(item["input"], str) and item["type"] not in {*_NOUNS, *_BOUNDS, *_CHOICES}):
        return ""
    owner = _owner(parts, model)
    example = EXAMPLES.get(owner.__name__, {}).get(parts[-1])
    return f"for example `{parts[-1]} = {example}`" if example else ""


def _owner(parts: list[str], model: type[BaseModel]) -> type[BaseModel]:
    """The table that has the key at the end of a path."""
    for part in parts[:-1]:
        model = _inside(model, part) or model
    return model


def _meant(name: str, table: str, model: type[BaseModel], more: tuple[str, ...], value: object) -> str:
    """The key that an unknown one was meant to be; TOML takes every line below a table's head for the table's own."""
    if not table:
        return meant(name, (*model.model_fields, *more), value)
    head = f"[[{table.partition('[')[0]}]]" if table.endswith("]") else f"[{table}]"
    if name in (*model.model_fields, *more):
        return f"write it above {head}: what stands below is a key of that table"
    hint = meant(name, _keys_inside(model, table), value)
    return hint or meant(name, (*model.model_fields, *more), value).replace("?", f"? Write it above {head}")


def _keys_inside(model: type[BaseModel], table: str) -> tuple[str, ...]:
    """The keys of a table by its path, such as `limits.service`."""
    inside: type[BaseModel] | None = model
    for name in table.split("."):
        inside = _inside(inside, name) if inside is not None else None
    return () if inside is None else tuple(inside.model_fields)


def _wrong_words(key: str, items: list[Any]) -> tuple[str, str]:
    """Every word of a list that is none of its choices, with the one that each was meant to be."""
    choices = re.findall(r"'([^']+)'", str(items[0]["ctx"]["expected"]))
    wrong = list(dict.fromkeys(str(item["input"]) for item in items if item["type"] in _CHOICES))[:20]
    near = [did_you_mean(word, choices).removeprefix("did you mean ").removesuffix("?") for word in wrong]
    verb = "are not" if len(wrong) > 1 else "is not"
    hint = f"did you mean {' and '.join(filter(None, near))}?" if any(near) else ""
    return f"`{key}`: {', '.join(map(shown, wrong))} {verb} {_noun(items[0])}", hint


def _noun(item: Any) -> str:
    if item["type"] in _CHOICES:
        return str(item["ctx"]["expected"]).replace("'", "`")
    return _NOUNS.get(item["type"], "")
