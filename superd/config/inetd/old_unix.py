"""Entries in the form of AIX, Solaris, HP-UX and IRIX, which none of the five inetds reads: what is wrong, and the right line.

Pure; any process.
"""

from __future__ import annotations

import re

from superd.config.inetd.key_value import Statement

_TLI = dict.fromkeys(("circuit_v", "circuit_n", "ticots", "ticotsord", "tcp", "tcp6"), ("stream", "tcp"))
"""Transports of Solaris that keep a connection; all others are datagrams."""


def from_other_unix(fields: Statement) -> tuple[str, str] | None:
    """A message and a hint, or nothing for an entry that is none of these."""
    args = list(fields.args)
    rest = f"{fields.wait} {fields.user} {fields.server}"
    if match := re.fullmatch(r"sunrpc_(tcp|udp)", fields.socktype):
        kind = "stream" if match[1] == "tcp" else "dgram"
        version = args.pop() if len(args) > 2 and re.fullmatch(r"\d+(-\d+)?", args[-1]) else "1"
        number = args.pop() if args and args[-1].isdecimal() else ""
        name = number if number and not fields.service.isdecimal() else fields.service
        line = f"{name}/{version} {kind} rpc/{match[1]} {rest} {' '.join(args)}".rstrip()
        return f"socket type `{fields.socktype}` is AIX's form of an RPC service", f"write `{line}`"
    if fields.socktype == "tli":
        transport = fields.protocol.removeprefix("rpc/").partition(",")[0]
        kind, proto = _TLI.get(transport, ("dgram", "udp"))
        prefix = "rpc/" if fields.protocol.startswith("rpc/") else ""
        line = f"{fields.service} {kind} {prefix}{proto} {rest} {' '.join(args)}".rstrip()
        return "socket type `tli` is Solaris's: Linux has sockets alone", f"write `{line}`"
    if fields.service == "rpc" and len(args) > 1 and args[0].isdecimal():
        number, version, *words = args
        line = f"{number}/{version} {fields.socktype} rpc/{fields.protocol} {rest} {' '.join(words)}".rstrip()
        return "service `rpc` is HP-UX's form of an RPC service", f"write `{line}`"
    if fields.server.startswith("?"):
        start = f"{fields.service} {fields.socktype} {fields.protocol} {fields.wait} {fields.user}"
        line = f"{start} {fields.server[1:]} {' '.join(args)}"
        return f"server `{fields.server[:80]}` has IRIX's mark for a program that may be missing", f"write `{line.rstrip()}`"
    return None
