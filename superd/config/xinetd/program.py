"""Who answers for a service: a program, a redirect, superd itself, tcpmux, an RPC program. Runs and looks up nothing.

Runs in: the reading child, the operator's commands. Pure.
"""

from __future__ import annotations

from superd.config.argv0 import argv0_problem
from superd.config.xinetd import values
from superd.config.xinetd.draft import Draft
from superd.problem import note
from superd.service import INTERNALS


def program(draft: Draft, types: set[str]) -> None:
    """`server` with its arguments, `redirect`, `user`, or an internal service."""
    server, redirect, internal = draft.own("server"), draft.own("redirect"), "INTERNAL" in types
    args = draft.own("server_args")
    arguments = list(args.values) if args else []
    if args is not None and not arguments:
        draft.section.fail(args, "`server_args` without a value; xinetd disabled the service")
    for name in ("user", "group", "libwrap"):
        draft.text(name)
    if "SENSOR" in draft.flags or internal:
        if "SENSOR" in draft.flags and not internal and server is None:
            draft.missing("server` or `type = INTERNAL")
        elif "SENSOR" not in draft.flags and draft.name.lower() not in INTERNALS[:6]:
            line = draft.own("type")
            assert line is not None
            draft.section.fail(
                line,
                f"no internal service `{draft.name[:80]}`",
                f"there are {' '.join(INTERNALS[:6])}; see `superd show`",
            )
        else:
            draft.keys["service"] = draft.name if "SENSOR" in draft.flags else draft.name.lower()
        draft.flags -= {"NAMEINARGS"}
        return
    if "user" not in draft.keys:
        draft.missing("user")
    if redirect is not None:
        host, port = redirect.values
        if host == "unix":
            draft.section.fail(
                redirect, "`unix` is not a host; xinetd did not start it", 'superd\'s own files have `redirect = "unix:/PATH"`'
            )
        draft.keys["redirect"] = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if draft.keys.get("socket_type") != "stream" or "NAMEINARGS" in draft.flags:
            draft.section.fail(redirect, "`redirect` needs socket_type = stream and no NAMEINARGS")
        return
    if server is None:
        draft.missing("server")
        return
    flags = draft.own("flags")
    if "NAMEINARGS" in draft.flags and flags and args and flags.origin.line > args.origin.line:
        draft.section.problems.append(
            note(
                flags.origin,
                "`NAMEINARGS` below `server_args` counts; xinetd gave the program no argv[0], and its child crashed",
                "move the line above `server_args` to have it so in xinetd too",
            )
        )
    path = server.values[0]
    if not path.startswith("/"):
        draft.section.fail(server, f"`server = {path[:80]}` is not an absolute path")
    if "NAMEINARGS" in draft.flags and args is None:
        draft.section.fail(server, "`NAMEINARGS` without `server_args`; xinetd's child crashed", "name argv[0] there")
    elif path.rpartition("/")[2] == "tcpd" and "NAMEINARGS" in draft.flags:
        # tcpd(8) runs what argv[0] names; a bare name is in REAL_DAEMON_DIR, /usr/sbin on Debian
        real = arguments[0] if arguments[0].startswith("/") else f"/usr/sbin/{arguments[0]}"
        draft.section.problems.append(
            note(server.origin, f"`{path}` is replaced by superd's own wrappers, under the same daemon name")
        )
        path = real
        draft.flags -= {"NOLIBWRAP"}
    elif "NAMEINARGS" in draft.flags and args is not None:
        meant = f"server_args = {path.rpartition('/')[2]} {' '.join(arguments)}"
        problem = argv0_problem(path, arguments, args.origin, meant)
        draft.section.problems += [problem] if problem else []
    draft.keys["server"] = path
    draft.keys["server_args"] = arguments


def rpc(draft: Draft, types: set[str]) -> None:
    """Version and number of an RPC service."""
    if "RPC" not in types:
        return
    version, number = draft.own("rpc_version"), draft.own("rpc_number")
    if version is None:
        draft.missing("rpc_version")
    else:
        draft.keys["rpc_version"] = version.values[0]
        parts = version.values[0].split("-")
        if len(parts) > 2 or not all(p.isascii() and p.isdecimal() and len(p) < 10 for p in parts):
            draft.section.fail(version, f"`rpc_version = {version.values[0][:40]}` is not n or n-m")
    if number is not None:
        draft.keys["rpc_number"] = values.number(number, draft.section)
    elif "UNLISTED" in types:
        draft.missing("rpc_number")
