"""Where a service listens: socket type, protocol, port, bind and families, with xinetd's meaning (service.c, confparse.c).

Judges the lines of one service; binds nothing.
"""

from __future__ import annotations

import ipaddress

from superd.config.xinetd import attributes as attribute
from superd.config.xinetd.draft import Draft


def sockets(draft: Draft, types: set[str]) -> None:
    """`socket_type`, `protocol`, and what goes with them."""
    kind, protocol = draft.own("socket_type"), draft.own("protocol")
    if kind is not None:
        draft.keys["socket_type"] = kind.values[0].lower()
        if draft.keys["socket_type"] not in ("stream", "dgram", "seqpacket", "raw"):
            draft.section.fail(kind, f"`socket_type = {kind.values[0][:40]}`", "one of stream dgram seqpacket raw")
    elif protocol is not None and protocol.values[0] in ("tcp", "udp"):
        draft.keys["socket_type"] = "stream" if protocol.values[0] == "tcp" else "dgram"
    else:
        draft.missing("socket_type")
    implied = {"stream": "tcp", "dgram": "udp"}.get(draft.keys.get("socket_type", ""), "")
    if protocol is not None:
        word = protocol.values[0]
        if word in ("tcp6", "udp6", "tcp4", "udp4"):
            draft.section.fail(protocol, f"`protocol = {word}`", "write tcp or udp and `flags = IPv6` or IPv4")
        elif word in ("tcp", "udp") and word != implied:
            draft.section.fail(protocol, f"`protocol = {word}` does not go with `socket_type`")
        elif word != implied:
            draft.keys["protocol"] = word
    _port(draft, types)
    _bind(draft)


def _port(draft: Draft, types: set[str]) -> None:
    """The port, or the name that stands for it."""
    mux = types & {"TCPMUX", "TCPMUXPLUS"}
    line = draft.own("port")
    if line is not None:
        value = attribute.number(line, draft.section, high=65535)
        if value is not None and not mux:
            draft.keys["port"] = value
    elif "RPC" in types:
        draft.keys["port"] = 0
    elif not mux and "UNLISTED" in types:
        draft.missing("port")
    elif not mux:
        draft.keys["port"] = draft.name


def _bind(draft: Draft) -> None:
    """The addresses, out of `bind`, `v6only` and the flags."""
    only6 = draft.get("v6only")
    if only6 is not None:
        draft.keys["v6only"] = attribute.yes(only6, draft.section)
        if only6.values[0].lower() == "no" and draft.own("v6only"):
            draft.section.warn(only6, "`v6only = no` takes IPv4 too; xinetd switched IPv4 off for any value")
    line = draft.get("bind")
    if line is None:
        if draft.family == "4":
            draft.keys["listen"] = ["0.0.0.0"]  # noqa: S104 - what the file says
            draft.keys["v6only"] = False
        return
    word = line.values[0]
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
