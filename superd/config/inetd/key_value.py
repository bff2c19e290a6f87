"""NetBSD's key-value statements: `service on key = value, …;`. Text → ``Statement``; knows no value's meaning.

Source: NetBSD inetd(8), 2021 and later.

Runs in: the reading child, the operator's commands. Pure.
"""

from __future__ import annotations

import re

from superd.frozen import frozen
from superd.problem import did_you_mean

_TOKEN = re.compile(r"""\s*(?:(?P<quote>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign>[=,;])|(?P<word>[^\s=,;"']+))""")
_KEYS = frozenset({
    "bind", "socktype", "accept_max", "acceptfilter", "protocol", "sndbuf", "recvbuf", "wait", "service_max", "ip_max",
    "user", "group", "exec", "args", "ipsec",
})  # fmt: skip


@frozen
class Statement:
    """One entry's fields as written, whichever form it had; ``args`` begin with argv[0]."""

    service: str
    socktype: str
    protocol: str
    wait: str
    user: str
    server: str
    args: tuple[str, ...]
    group: str = ""
    service_max: int | None = None
    ip_max: int | None = None
    off: bool = False


def _unescape(text: str) -> str:
    named = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(
        r"\\(x[0-9a-fA-F]{2}|.)",
        lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 3 else named.get(m[1], m[1]),
        text[1:-1],
    )


class WrongStatement(ValueError):
    """A statement that means nothing; ``messages`` are all that is wrong with it."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__(messages[0])
        self.messages = tuple(dict.fromkeys(messages))


def read_statement(text: str) -> Statement:
    """Raises ``WrongStatement``."""
    wrong: list[str] = []
    service, switch, rest = [*text.split(None, 2), ""][:3]
    values: dict[str, list[str]] = {}
    key, position, equals, ended = "", 0, False, False
    rest = rest.rstrip()
    while position < len(rest):
        match = _TOKEN.match(rest, position)
        if match is None or ended:
            raise WrongStatement([*wrong, f"cannot read `{rest[position : position + 40].strip()}`"])
        position = match.end()
        sign = match["sign"]
        if sign == "=" and key and not equals:
            equals = True
        elif sign in (",", ";"):
            if key in _KEYS and not equals:
                wrong.append(f"`{key}` has no value")
            key, equals, ended = "", False, sign == ";"
        elif sign:
            before = values[key][-1] if values.get(key) else ""
            raise WrongStatement([*wrong, f"no comma before `{before} =`" if before in _KEYS else "`=` without a key"])
        elif equals:
            values[key].append(_unescape(match["quote"]) if match["quote"] else match["word"])
        elif key:
            raise WrongStatement([*wrong, f"no `=` after `{key}`"])
        elif match["word"] not in _KEYS:
            key = match["word"] or match["quote"]
            values.setdefault(key, [])
            near = did_you_mean(key, _KEYS)
            wrong.append(f"unknown key `{key[:40]}`" + (f": {near}" if near else ""))
        else:
            key = match["word"]
            values.setdefault(key, [])
    if not ended:
        wrong.append(f"`{service} {switch}` does not end with `;`")
    if any(values.get("ipsec", [])):
        wrong.append("`ipsec` is not supported; the entry is not served")

    def one(name: str, default: str = "") -> str:
        words = values.get(name, [])
        if len(words) > 1:
            wrong.append(f"`{name}` has {len(words)} values")
        return words[0] if words else default

    def count(name: str) -> int | None:
        word = one(name)
        if word and not re.fullmatch(r"\d{1,9}", word, re.ASCII):
            wrong.append(f"`{name} = {word[:40]}` is not a number")
            return None
        return int(word) if word else None

    wait = {"yes": "wait", "no": "nowait", "": ""}.get(one("wait"), one("wait"))
    accept = count("accept_max")
    socktype = one("socktype", "stream" if one("protocol").startswith("tcp") else "dgram")
    filtered = f":{one('acceptfilter')}" if one("acceptfilter") else ""
    bound = f"{one('bind')}:" if one("bind") else ""
    internal = one("exec", "internal")
    statement = Statement(
        bound + service,
        f"{socktype}{f',{accept}' if accept is not None else ''}{filtered}",
        one("protocol", "tcp" if socktype == "stream" else "udp"),
        wait or ("wait" if socktype == "dgram" else "nowait"),
        one("user"),
        internal,
        tuple(values.get("args", ())),
        one("group"),
        count("service_max"),
        count("ip_max"),
        switch == "off",
    )
    if wrong:
        raise WrongStatement(wrong)
    return statement
