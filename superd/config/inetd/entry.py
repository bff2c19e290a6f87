"""One entry of an inetd.conf → the keys of a ``Service``, with the meaning its dialect gives them. Reads no file.

Sources: inetd(8) and inetd.c of the five inetds (``inetd_dialects``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from superd.config.inetd.dialects import Dialect
from superd.config.inetd.lexer import Entry
from superd.problem import Problem, note, warning
from superd.service import BUILTIN_PORTS


def read_entry(entry: Entry, dialect: Dialect, names: Mapping[str, str], problems: list[Problem]) -> dict[str, Any]:
    """The keys, with a ``name`` that others may have too. Adds warnings; raises ``ValueError`` for the first wrong field."""
    return _Entry(entry, dialect, names, problems).keys()


class _Entry:
    def __init__(self, entry: Entry, dialect: Dialect, names: Mapping[str, str], problems: list[Problem]) -> None:
        self.entry = entry.fields
        self.origin = entry.origin
        self.default_hosts = entry.default_hosts
        self.dialect = dialect
        self.names = names
        self.problems = problems
        self.flags: set[str] = {"NAMEINARGS"} | (set() if dialect.wrapped else {"NOLIBWRAP"})
        self.types: set[str] = set()
        self.out: dict[str, Any] = {
            "stderr": "socket", "groups": True, "cps": None, "passenv": list(dialect.passenv),
            "log_on_success": [], "log_on_failure": ["HOST"],
        }  # fmt: skip

    def warn(self, message: str, hint: str = "") -> None:
        self.problems.append(warning(self.origin, message, hint))

    def keys(self) -> dict[str, Any]:
        limits = self.limits()
        self.protocol()
        self.user()
        self.server()
        if limits:
            self.out["limits"] = limits
        self.out |= {"flags": self.flags, "type": self.types}
        return self.out

    def limits(self) -> dict[str, Any]:
        entry = self.entry
        match = re.fullmatch(r"(wait|nowait)(?:([./:])(\d{1,9})(?:/(\d{1,9}))?(?:/(\d{1,9}))?)?", entry.wait, re.ASCII)
        if match is None:
            raise ValueError(f"`{entry.wait[:40]}` is not wait or nowait")
        word, separator, first, second, third = match.groups()
        self.out["wait"] = word == "wait"
        kind, _, accept = entry.socktype.partition(",")
        kind, colon, accept_filter = kind.partition(":")
        if colon or ":" in accept:
            accept = accept.partition(":")[0]
            self.warn(f"the accept filter `{accept_filter or entry.socktype}` is ignored; Linux has none")
        if kind not in ("stream", "dgram", "seqpacket"):
            raise ValueError(f"socket type `{kind[:40]}` is not served")
        self.out["socket_type"] = kind
        if accept:
            if not accept.isascii() or not accept.isdecimal():
                raise ValueError(f"`{entry.socktype[:40]}`: `{accept}` is not a number")
            self.out["instances"] = int(accept)
        if separator and separator not in self.dialect.separators:
            raise ValueError(f"`{entry.wait}` is not written so in the inetd.conf of {self.dialect.name}")
        if (second or third) and self.dialect.name != "freebsd":
            raise ValueError(f"`{entry.wait}`: {self.dialect.name} knows one number")
        if entry.ip_max is not None:
            self.out["per_source"] = entry.ip_max
        found: dict[str, Any] = {}
        rate = self.dialect.rate
        if self.dialect.name == "freebsd":
            if first and int(first):
                self.out["instances"] = int(first)
            if second and int(second):
                found["source_rate"] = [int(second) / 60, int(second)]
            if third and int(third):
                self.out["per_source"] = int(third)
        elif first or entry.service_max is not None:
            rate = int(first) if first else entry.service_max
        if rate and not self.out["wait"]:
            found["per_minute"] = [max(rate - self.dialect.fewer, 1), self.dialect.pause]
        return found

    def protocol(self) -> None:
        proto, *options = self.entry.protocol.split(",")
        if options:
            self.warn(f"`{','.join(options)}` is ignored: socket buffers are the kernel's to size")
        service = self.entry.service
        if proto.startswith("rpc/"):
            service, slash, version = service.partition("/")
            if not slash or not re.fullmatch(r"\d{1,9}(-\d{1,9})?", version, re.ASCII):
                raise ValueError(f"`{self.entry.service[:80]}` is not service/version")
            self.types.add("RPC")
            self.out |= {"rpc_version": version, "port": 0}
            proto = proto[4:]
        if proto == "unix":
            self.unix(service)
            return
        match = re.fullmatch(r"(tcp|udp)(4|6|46|6only)?", proto)
        if match is None:
            raise ValueError(f"protocol `{proto[:40]}` is not served")
        if (match[1] == "tcp") != (self.out["socket_type"] == "stream"):
            raise ValueError(f"`{proto}` does not go with `{self.out['socket_type']}`")
        family = match[2]
        hosts, service = self.split_host(service)
        listen = {
            None: self.dialect.plain,
            "4": ("0.0.0.0",),  # noqa: S104 - what the file says
            "6": self.dialect.six,
            "46": ("*",),
            "6only": ("[::]",),
        }[family]
        hosts = tuple(self.names.get(host.lower(), host) for host in hosts)
        if hosts:
            listen = tuple(f"[{host.strip('[]')}]" if ":" in host else host for host in hosts if host)
        self.out["service"] = self.out["name"] = service
        if service.startswith("tcpmux/"):
            word = service[len("tcpmux/") :]
            self.types |= {"TCPMUXPLUS" if word.startswith("+") else "TCPMUX", "UNLISTED"}
            word = word.removeprefix("+")
            self.out["service"] = self.out["name"] = word
            if not word:
                raise ValueError("`tcpmux/` without a name")
            return
        if listen != ("*",):
            self.out["listen"] = list(listen)
        if "RPC" not in self.types:
            self.out["port"] = int(service) if service.isascii() and service.isdecimal() else service
            if isinstance(self.out["port"], int) and self.out["port"] > 65535:
                raise ValueError(f"port `{service[:40]}` is above 65535")
        if not service:
            raise ValueError("no service is named")

    def split_host(self, service: str) -> tuple[tuple[str, ...], str]:
        host, colon, name = service.rpartition(":")
        if not colon:
            return self.default_hosts, service
        if host in ("*", ""):
            return (), name
        return tuple(host.split(",")), name

    def unix(self, path: str) -> None:
        mode = "0200" if self.dialect.name == "freebsd" else ""
        if path.startswith(":"):
            parts = path.split(":", 4)
            if len(parts) != 5:
                raise ValueError(f"`{path[:80]}` is not :user:group:mode:path")
            _, user, group, mode, path = parts
            self.out |= {"socket_user": user, "socket_group": group}
        if mode:
            self.out["socket_mode"] = mode
        base = path.rpartition("/")[2]
        self.out |= {"name": base, "service": base, "listen": [f"unix:{path}"]}

    def user(self) -> None:
        text, slash, login_class = self.entry.user.partition("/")
        if slash:
            self.warn(f"the login class `{login_class}` is ignored: Linux has none", "use rlimit_*, umask and nice")
        user, group = text, self.entry.group
        if ":" in text:
            user, _, group = text.partition(":")
        elif "." in text and self.dialect.name != "freebsd":
            user, _, group = text.partition(".")
        if not user:
            raise ValueError("no user is named")
        self.out["user"] = user
        if group:
            self.out["group"] = group

    def server(self) -> None:
        path, args = self.entry.server, list(self.entry.args)
        if path == "internal":
            name = str(self.out["service"]).lower()
            known = next((word for word, port in BUILTIN_PORTS.items() if str(port) == name), name)
            if known not in BUILTIN_PORTS:
                raise ValueError(f"no internal service `{name[:80]}`")
            self.types.add("INTERNAL")
            self.flags -= {"NAMEINARGS"}
            self.out["service"] = known
            if known == "auth":
                self.auth(args)
            return
        args = args or [path]
        if path.rpartition("/")[2] == "tcpd":
            # tcpd(8): argv[0] names the daemon; without a folder it is in REAL_DAEMON_DIR, /usr/sbin
            if not self.entry.args:
                raise ValueError("`tcpd` without the program it guards")
            path = args[0] if args[0].startswith("/") else f"/usr/sbin/{args[0]}"
            self.flags -= {"NOLIBWRAP"}
            self.problems.append(
                note(
                    self.origin,
                    f"tcpd is replaced by superd's own wrappers; the daemon name is `{args[0].rpartition('/')[2]}`",
                )
            )
        if not path.startswith("/"):
            raise ValueError(f"server `{path[:80]}` is not an absolute path")
        self.out |= {"server": path, "server_args": args}

    def auth(self, args: list[str]) -> None:
        options = args[1:]  # behind argv[0], as inetd(8) of FreeBSD has them
        for word in ("-f", "-F"):
            if word in options:
                self.warn(f"`{word}` is left out: superd reads no .fakeid in anybody's home folder")
                options.remove(word)
        self.out["server_args"] = options
