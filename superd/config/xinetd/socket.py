"""Where a service listens: socket type, protocol, port, bind and families, with xinetd's meaning (service.c, confparse.c).

Checks the lines of one service; binds nothing.

Runs in: the reading child, the operator's commands. Pure.
"""

from __future__ import annotations

import ipaddress
from difflib import get_close_matches

from superd.config.xinetd import values
from superd.config.xinetd.draft import Draft
from superd.config.xinetd.lexer import Line
from superd.problem import did_you_mean

KINDS = ("stream", "dgram", "seqpacket", "raw")


def sockets(draft: Draft, types: set[str]) -> None:
    """`socket_type`, `protocol`, and what goes with them."""
    kind, protocol = draft.own("socket_type"), draft.own("protocol")
    if kind is not None:
        draft.keys["socket_type"] = kind.values[0].lower()
        if draft.keys["socket_type"] not in KINDS:
            word = draft.keys["socket_type"]
            right = _SOCKETS.get(word) or next(iter(get_close_matches(word, KINDS, 1)), "")
            hint = f"write `socket_type = {right}`" if right else "one of stream dgram seqpacket raw"
            draft.section.fail(kind, f"`socket_type = {kind.values[0][:40]}` is not a type", hint)
    elif protocol is not None and protocol.values[0] in ("tcp", "udp"):
        draft.keys["socket_type"] = "stream" if protocol.values[0] == "tcp" else "dgram"
    else:
        draft.missing("socket_type")
    implied = {"stream": "tcp", "dgram": "udp"}.get(draft.keys.get("socket_type", ""), "")
    if protocol is not None:
        word = protocol.values[0]
        if word in ("tcp6", "udp6", "tcp4", "udp4"):
            right = f"write `protocol = {word[:3]}` and `flags = IPv{word[3]}`"
            draft.section.fail(protocol, f"`protocol = {word}` is not xinetd's: the family is a flag", right)
        elif word in ("tcp", "udp") and word != implied:
            right = f"write `protocol = {implied}`" if implied else ""
            draft.section.fail(protocol, f"`protocol = {word}` does not go with `socket_type`", right)
        elif word != implied and implied:
            hint = did_you_mean(word, (implied,)) or f"write `protocol = {implied}`"
            text = f"`protocol = {word[:40]}` is not served: a stream is TCP and a datagram UDP"
            draft.section.fail(protocol, text, hint)
        elif word != implied:
            draft.keys["protocol"] = word
    _port(draft, types)
    _bind(draft)


def _port(draft: Draft, types: set[str]) -> None:
    """The port, or the name that stands for it."""
    mux = types & {"TCPMUX", "TCPMUXPLUS"}
    line = draft.own("port")
    if line is not None:
        value = values.number(line, draft.section, high=65535)
        if value is not None and not mux:
            draft.keys["port"] = value
    elif "RPC" in types:
        draft.keys["port"] = 0
    elif not mux and "UNLISTED" in types:
        draft.missing("port")
    elif not mux:
        draft.keys["port"] = draft.name
    if not mux and not types & {"UNLISTED", "RPC"} and draft.around.services:
        _listed(draft, line)


def _listed(draft: Draft, line: Line | None) -> None:
    """Whether /etc/services has the service as xinetd wants it: without `type = UNLISTED` it served no other."""
    services = draft.around.services
    protocol = draft.keys.get("protocol") or {"stream": "tcp", "dgram": "udp"}.get(draft.keys.get("socket_type", ""), "")
    port = services.get((draft.name, protocol))
    others = [other for name, other in services if name == draft.name and other in _SOCKETS]
    if line is None:
        kind = draft.own("socket_type")
        if port is None and others and kind is not None:
            what = f"`{draft.name}` is in /etc/services for {others[0]} and not for {protocol}; xinetd did not start it"
            draft.section.fail(kind, what, f"write `socket_type = {_SOCKETS[others[0]]}`")
    elif port is None and protocol:
        what = f"`{draft.name}` is not in /etc/services for {protocol}; without `type = UNLISTED` xinetd did not start it"
        draft.section.warn(line, f"{what}, and superd serves it", "add the line `type = UNLISTED`")
    elif port is not None and port != draft.keys.get("port", port):
        what = f"`{draft.name}` is port {port} in /etc/services; without `type = UNLISTED` xinetd did not start it on another"
        draft.section.warn(line, f"{what}, and superd serves it", "add the line `type = UNLISTED`")


_SOCKETS = {"tcp": "stream", "udp": "dgram"}


def _bind(draft: Draft) -> None:
    """The addresses, out of `bind`, `v6only` and the flags."""
    only6 = draft.get("v6only")
    if only6 is not None:
        draft.keys["v6only"] = values.yes(only6, draft.section)
        if only6.values[0].lower() == "no" and draft.own("v6only"):
            draft.section.warn(only6, "`v6only = no` takes IPv4 too; xinetd switched IPv4 off for any value", "remove the line")
    line = draft.get("bind")
    if line is None:
        if draft.family == "4":
            draft.keys["listen"] = ["0.0.0.0"]  # noqa: S104 - what the file says
            draft.keys["v6only"] = False
        return
    word = line.values[0]
    if word.startswith("["):
        draft.section.fail(
            line,
            f"`bind = {word[:80]}`: xinetd knows no brackets and did not start it",
            f"write `bind = {word[1:].partition(']')[0][:80]}`",
        )
        return
    try:
        host = ipaddress.ip_address(draft.around.hosts.get(word.lower(), word).strip("[]"))
    except ValueError:
        draft.section.fail(
            line,
            f"`bind = {word[:80]}` is neither an address nor a name in /etc/hosts",
            "write the numeric address",
        )
        return
    if draft.family and draft.family != str(host.version):
        draft.section.warn(line, f"`bind = {word}` against `flags`: it listens there; xinetd listened everywhere")
    if host == ipaddress.ip_address("::"):
        draft.keys["listen"] = ["[::]"] if draft.keys.get("v6only") else ["*"]
    else:
        draft.keys["listen"] = [f"[{host}]" if host.version == 6 else str(host)]
