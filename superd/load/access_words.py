"""Words of the lists of addresses and times of a service that nothing can be made of: each of them, not the first.

Runs in the master and the operator's commands. Reads no file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from superd.config.toml.values import as_toml
from superd.policy.addresses import AddressList, parse_word
from superd.policy.hours import Hours
from superd.policy.proxies import sender_list
from superd.problem import Origin, Problem, error, warning
from superd.service import Service

_ANYBODY = frozenset({"any", "anyone", "anybody", "anywhere", "everyone", "everybody", "world", "*"})
_NETWORK = "write its address, or a network like `192.0.2.0/24`"
_DRESSED = re.compile(r"(?:[A-Za-z]+://)?([A-Za-z0-9][A-Za-z0-9.-]*)(?::\d+)?/?", re.ASCII)
"""A host or an address as part of a URL, or with a port."""
_LONGEST = 300
"""Characters of a line that a hint writes anew."""
_MOST = 100
"""Words of one list that are named one by one."""


def check_access_words(services: Mapping[str, Service], origins: Mapping[tuple[str, str], Origin]) -> list[Problem]:
    """An error for each wrong word, at its key. The same list in many services is read once."""
    found: dict[Problem, None] = {}
    for name, service in services.items():
        for key, words, make in (
            ("only_from", service.only_from or (), AddressList),
            ("no_access", service.no_access, AddressList),
            ("limits.exempt", service.limits.exempt, AddressList),
            ("limits.penalties.exempt", service.limits.penalties.exempt_words, AddressList),
            ("limits.penalties.exempt", service.limits.penalties.exempt_names, _names),
            ("quiet", service.quiet, AddressList),
            ("proxy_from", service.proxy_from or (), sender_list),
            ("proxy_optional_from", service.proxy_optional_from, sender_list),
            ("access_times", service.access_times, Hours),
        ):
            where = origins.get((name, key)) or origins.get((name, key.partition(".")[0])) or origins.get((name, ""))
            for message, hint, fatal in _wrong(words, make, key) if words else ():
                found[(error if fatal else warning)(where or Origin(name), f"`{key}`: {message}", hint)] = None
    return list(found)


@lru_cache(maxsize=1024)
def _wrong(words: tuple[str, ...], make: Callable[[tuple[str, ...]], object], key: str) -> tuple[tuple[str, str, bool], ...]:
    found: list[tuple[str, str, bool]] = []
    right: list[str] = []
    for word in words:
        if make is AddressList and word.lower() in _ANYBODY - {"*"}:
            found.append((f"`{word}` is the name of a host here, and every client is `ALL`", _texts(["ALL"]), False))
            right.append("ALL")
            continue
        try:
            make((word,))
            right.append(word)
        except (ValueError, OverflowError) as problem:
            meant = _meant(word) if make is AddressList else []
            found.append((str(problem), _NETWORK if make is sender_list else _texts(meant), True))
            right += meant or ["?"]
            if len(found) > _MOST:
                break
    line = f"{key} = {as_toml(right)}"
    if make is AddressList and "." not in key and "?" not in right and len(line) < _LONGEST:
        return tuple((message, f"write `{line}`", fatal) for message, _, fatal in found)
    return tuple(found)


def _texts(words: list[str]) -> str:
    return "write " + ", ".join(f'"{word[:60]}"' for word in words[:20]) if words else ""


def _names(words: tuple[str, ...]) -> None:
    """Raise ``ValueError`` for a word after `dns:` that is not the name of a host."""
    for word in words:
        if not word or word.startswith(".") or isinstance(parse_word(word), list):
            raise ValueError(f"`dns:{word}` is not the name of a host")


def _meant(word: str) -> list[str]:
    """Return the words that a wrong one was meant to be, or nothing."""
    if word.lower() in _ANYBODY:
        return ["ALL"]
    parts = [part for part in re.split(r"[\s,;]+", word) if part]
    if len(parts) > 1:
        return parts
    if re.fullmatch(r"\d{1,3}(\.\d{1,3}){0,2}\.?", word, re.ASCII):
        octets = word.rstrip(".").split(".")
        return [f"{'.'.join([*octets, '0', '0', '0'][:4])}/{8 * len(octets)}"]
    if (match := _DRESSED.fullmatch(word)) and match[1] != word and ".." not in match[1]:
        return [match[1]]
    return [word[1:]] if re.fullmatch(r"\*(\.[A-Za-z0-9-]+)+", word, re.ASCII) else []
