"""One xinetd service section and the defaults → a ``Service``. Judges the whole entry; reads no file.

Every attribute keeps xinetd's meaning and default (confparse.c, service_fill and service_attr_check).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from superd.config import xinetd_attributes as attribute
from superd.config.xinetd_attributes import Section
from superd.config.xinetd_lexer import Line
from superd.problem import Origin, error, note, warning
from superd.service import BUILTINS, Service

INHERITED = attribute.DEFAULTS | attribute.CLOSING_DEFAULTS - {"enabled", "disabled"}
_TYPES = ("INTERNAL", "RPC", "UNLISTED", "SPECIAL", "TCPMUX", "TCPMUXPLUS")
_SUCCESS = ("HOST", "PID", "EXIT", "DURATION", "USERID", "TRAFFIC")
_FAILURE = ("HOST", "USERID", "ATTEMPT")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an entry is read with: all defaults of the source, /etc/networks and /etc/hosts (name → number)."""

    defaults: Mapping[str, list[Line]]
    networks: Mapping[str, str]
    hosts: Mapping[str, str]


class _Maker:
    def __init__(self, name: str, section: Section, around: Surroundings) -> None:
        self.name = name
        self.section = section
        self.around = around
        self.keys: dict[str, Any] = {"name": name, "service": name, "stderr": "socket", "log_style": "xinetd"}
        self.flags: set[str] = set()
        self.family = ""

    def own(self, name: str) -> Line | None:
        lines = self.section.lines.get(name)
        return lines[0] if lines else None

    def get(self, name: str) -> Line | None:
        inherited = self.around.defaults.get(name) if name in INHERITED else None
        return self.own(name) or (inherited[0] if inherited else None)

    def all(self, name: str) -> list[Line]:
        mine = self.section.lines.get(name, [])
        if name in INHERITED and not (mine and mine[0].operator == "="):
            return [*self.around.defaults.get(name, ()), *mine]
        return mine

    def choose(self, lines: list[Line], known: tuple[str, ...]) -> set[str]:
        found: set[str] = set()
        for line in lines:
            for word in line.values:
                upper = word.upper()
                if upper not in known:
                    hint = "`RECORD` went away with xinetd 2.3" if upper == "RECORD" else f"one of {' '.join(known)}"
                    self.section.fail(line, f"`{word[:40]}` in `{line.name}`; xinetd disabled the service", hint)
                elif line.operator == "-=":
                    found.discard(upper)
                else:
                    found.add(upper)
            if not line.values and line.name in ("flags", "type"):
                self.section.fail(line, f"`{line.name}` without a value; xinetd disabled the service")
        return found

    def text(self, *names: str) -> None:
        for name in names:
            if line := self.get(name):
                self.keys[name] = line.values[0]

    def kind(self) -> set[str]:
        types = self.choose(self.section.lines.get("type", []), _TYPES)
        known = (*attribute.FLAGS, *attribute.DROPPED_FLAGS, "LABELED")
        flags = self.choose(self.section.lines.get("flags", []), known)
        line = self.own("flags")
        if line is not None:
            if "LABELED" in flags:
                self.section.fail(line, "`LABELED`: superd sets no SELinux label from the peer", "remove the flag")
            for word in sorted(flags):
                if attribute.DROPPED_FLAGS.get(word):
                    self.section.warn(line, f"`{word}` is ignored: {attribute.DROPPED_FLAGS[word]}")
        if flags & {"IPV4", "IPV6"}:
            self.family = "4" if "IPV6" not in flags else "6"
        self.flags = flags & set(attribute.FLAGS)
        return types

    def sockets(self, types: set[str]) -> None:
        kind, protocol = self.own("socket_type"), self.own("protocol")
        if kind is not None:
            self.keys["socket_type"] = kind.values[0].lower()
            if self.keys["socket_type"] not in ("stream", "dgram", "seqpacket", "raw"):
                self.section.fail(kind, f"`socket_type = {kind.values[0][:40]}`", "one of stream dgram seqpacket raw")
        elif protocol is not None and protocol.values[0] in ("tcp", "udp"):
            self.keys["socket_type"] = "stream" if protocol.values[0] == "tcp" else "dgram"
        else:
            self.missing("socket_type")
        implied = {"stream": "tcp", "dgram": "udp"}.get(self.keys.get("socket_type", ""), "")
        if protocol is not None:
            word = protocol.values[0]
            if word in ("tcp6", "udp6", "tcp4", "udp4"):
                self.section.fail(protocol, f"`protocol = {word}`", "write tcp or udp and `flags = IPv6` or IPv4")
            elif word in ("tcp", "udp") and word != implied:
                self.section.fail(protocol, f"`protocol = {word}` does not go with `socket_type`")
            elif word != implied:
                self.keys["protocol"] = word
        self.port(types)
        self.bind()

    def port(self, types: set[str]) -> None:
        mux = types & {"TCPMUX", "TCPMUXPLUS"}
        line = self.own("port")
        if line is not None:
            value = attribute.number(line, self.section, high=65535)
            if value is not None and not mux:
                self.keys["port"] = value
        elif "RPC" in types:
            self.keys["port"] = 0
        elif not mux and "UNLISTED" in types:
            self.missing("port")
        elif not mux:
            self.keys["port"] = self.name

    def bind(self) -> None:
        only6 = self.get("v6only")
        if only6 is not None:
            self.keys["v6only"] = attribute.yes(only6, self.section)
            if not self.keys["v6only"] and self.own("v6only"):
                self.section.warn(only6, "`v6only = no` takes IPv4 too; xinetd switched IPv4 off for any value")
        line = self.get("bind")
        if line is None:
            if self.family == "4":
                self.keys["listen"] = ["0.0.0.0"]  # noqa: S104 - what the file says
                self.keys["v6only"] = False
            return
        word = line.values[0]
        try:
            host = ipaddress.ip_address(self.around.hosts.get(word.lower(), word).strip("[]"))
        except ValueError:
            self.section.fail(
                line,
                f"`bind = {word[:80]}` is neither an address nor a name in /etc/hosts",
                "write the numeric address",
            )
            return
        if self.family and self.family != str(host.version):
            self.section.warn(line, f"`bind = {word}` against `flags`: it listens there; xinetd listened everywhere")
        if host == ipaddress.ip_address("::"):
            self.keys["listen"] = ["[::]"] if self.keys.get("v6only") else ["*"]
        else:
            self.keys["listen"] = [f"[{host}]" if host.version == 6 else str(host)]

    def missing(self, name: str) -> None:
        first = next(iter(self.section.lines.values()), None)
        origin = self.entry_origin if first is None or self.entry_origin.line else first[0].origin
        self.section.problems.append(error(origin, f"service `{self.name}` has no `{name}`; xinetd disabled it"))
        self.section.broken = True

    entry_origin = Origin("")

    def program(self, types: set[str]) -> None:
        server, redirect, internal = self.own("server"), self.own("redirect"), "INTERNAL" in types
        args = self.own("server_args")
        arguments = list(args.values) if args else []
        if args is not None and not arguments:
            self.section.fail(args, "`server_args` without a value; xinetd disabled the service")
        for name in ("user", "group", "libwrap"):
            self.text(name)
        if "SENSOR" in self.flags or internal:
            if "SENSOR" in self.flags and not internal and server is None:
                self.missing("server` or `type = INTERNAL")
            elif "SENSOR" not in self.flags and self.name.lower() not in BUILTINS[:6]:
                line = self.own("type")
                assert line is not None
                self.section.fail(
                    line,
                    f"no internal service `{self.name[:80]}`",
                    f"there are {' '.join(BUILTINS[:6])}; see `superd show`",
                )
            else:
                self.keys["service"] = self.name if "SENSOR" in self.flags else self.name.lower()
            self.flags -= {"NAMEINARGS"}
            return
        if "user" not in self.keys:
            self.missing("user")
        if redirect is not None:
            host, port = redirect.values
            self.keys["redirect"] = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            if self.keys.get("socket_type") != "stream" or "NAMEINARGS" in self.flags:
                self.section.fail(redirect, "`redirect` needs socket_type = stream and no NAMEINARGS")
            return
        if server is None:
            self.missing("server")
            return
        path = server.values[0]
        if not path.startswith("/"):
            self.section.fail(server, f"`server = {path[:80]}` is not an absolute path")
        if "NAMEINARGS" in self.flags and args is None:
            self.section.fail(server, "`NAMEINARGS` without `server_args`; xinetd's child crashed", "name argv[0] there")
        elif path.rpartition("/")[2] == "tcpd" and "NAMEINARGS" in self.flags:
            # tcpd(8) runs what argv[0] names; a bare name is in REAL_DAEMON_DIR, /usr/sbin on Debian
            real = arguments[0] if arguments[0].startswith("/") else f"/usr/sbin/{arguments[0]}"
            self.section.problems.append(
                note(server.origin, f"`{path}` is replaced by superd's own wrappers, under the same daemon name")
            )
            path = real
            self.flags -= {"NOLIBWRAP"}
        self.keys["server"] = path
        self.keys["server_args"] = arguments

    def limits(self) -> None:
        section, keys = self.section, self.keys
        for name in ("instances", "per_source"):
            if line := self.get(name):
                value = attribute.number(line, section, low=-1)
                if line.values[0] == "-1":
                    section.fail(line, f"`{name} = -1`", "write UNLIMITED")
                keys[name] = None if value == -1 else value
        if line := self.get("cps"):
            try:
                rate, pause = (int(word) if word.isascii() and word.isdecimal() else -1 for word in line.values)
            except ValueError:
                rate = pause = -1
            if not (0 <= rate < 2**31 and 0 <= pause < 2**31):
                section.fail(line, f"`cps = {' '.join(line.values)[:40]}` is not a rate and seconds")
            keys["cps"] = [float(rate), float(pause)] if rate > 0 else None
        if line := self.get("max_load"):
            try:
                keys["max_load"] = float(line.values[0])
            except ValueError:
                keys["max_load"] = 0.0
            if not 0 < keys["max_load"] < 1e6:
                section.fail(line, f"`max_load = {line.values[0][:40]}` is not a load above 0")
        for name in ("rlimit_as", "rlimit_data", "rlimit_rss", "rlimit_stack", "rlimit_files", "rlimit_cpu"):
            if line := self.get(name):
                keys[name] = attribute.size(line, section)
        if line := self.get("umask"):
            keys["umask"] = attribute.number(line, section, high=0o777, base=8)
        if line := self.get("nice"):
            keys["nice"] = attribute.number(line, section, low=-20, high=19)
        if line := self.get("groups"):
            keys["groups"] = attribute.yes(line, section)
        if line := self.get("access_times"):
            keys["access_times"] = attribute.hours(line, section)
        if line := self.get("deny_time"):
            word = line.values[0].upper()
            keys["deny_time"] = word if word in ("FOREVER", "NEVER") else attribute.number(line, section)

    def access(self) -> None:
        for name in ("only_from", "no_access"):
            found = attribute.addresses(self.all(name), self.section, self.around.networks)
            if found is not None:
                self.keys[name] = found
        self.text("banner", "banner_success", "banner_fail")
        names = attribute.words(self.all("passenv"))
        self.keys["passenv"] = ["*"] if names is None else names
        pairs: dict[str, str] = {}
        for line in self.section.lines.get("env", []):
            for word in line.values:
                variable, sign, value = word.partition("=")
                if not sign or not variable:
                    self.section.fail(line, f"`{word[:80]}` in `env` is not NAME=value")
                pairs[variable] = value
        self.keys["env"] = pairs

    def logs(self) -> None:
        self.keys["log_on_success"] = self.choose(self.all("log_on_success"), _SUCCESS)
        self.keys["log_on_failure"] = self.choose(self.all("log_on_failure"), _FAILURE)
        if "TRAFFIC" in self.keys["log_on_success"] and "redirect" not in self.keys:
            mine = [line for line in self.section.lines.get("log_on_success", []) if "TRAFFIC" in map(str.upper, line.values)]
            if mine:
                self.section.fail(mine[0], "`TRAFFIC` needs `redirect`; xinetd disabled the service")
            else:
                line = self.around.defaults["log_on_success"][0]
                self.section.warn(
                    line, f"`TRAFFIC` in defaults is left out for `{self.name}`; xinetd disabled what has no `redirect`"
                )
                self.keys["log_on_success"] -= {"TRAFFIC"}
        if line_ := self.get("log_type"):
            self.keys["log_type"] = attribute.log_type(line_, self.section)
        if "IDONLY" in self.flags and "USERID" not in self.keys["log_on_success"]:
            flags = self.own("flags")
            assert flags is not None
            self.section.fail(flags, "`IDONLY` needs USERID in `log_on_success`; xinetd disabled the service")

    def rpc(self, types: set[str]) -> None:
        if "RPC" not in types:
            return
        version, number = self.own("rpc_version"), self.own("rpc_number")
        if version is None:
            self.missing("rpc_version")
        else:
            self.keys["rpc_version"] = version.values[0]
            parts = version.values[0].split("-")
            if len(parts) > 2 or not all(p.isascii() and p.isdecimal() and len(p) < 10 for p in parts):
                self.section.fail(version, f"`rpc_version = {version.values[0][:40]}` is not n or n-m")
        if number is not None:
            self.keys["rpc_number"] = attribute.number(number, self.section)
        elif "UNLISTED" in types:
            self.missing("rpc_number")


def make_service(name: str, section: Section, origin: Origin, around: Surroundings) -> Service | None:
    """The service of one entry, or ``None`` when it has an error; the problems are added to ``section``."""
    maker = _Maker(name, section, around)
    maker.entry_origin = origin
    types = maker.kind()
    disable = [attribute.yes(line, section) for line in maker.all("disable")]
    maker.keys["disable"] = any(disable)
    wait = maker.own("wait")
    if wait is None:
        maker.missing("wait")
    else:
        maker.keys["wait"] = attribute.yes(wait, section)
    if line := maker.own("id"):
        maker.keys["name"] = line.values[0]
    maker.sockets(types)
    maker.program(types)
    maker.limits()
    maker.access()
    maker.logs()
    maker.rpc(types)
    maker.keys |= {"type": types, "flags": maker.flags}
    if maker.keys.get("socket_type") == "dgram" and maker.keys.get("wait") is False and "server" in maker.keys and wait:
        section.problems.append(
            warning(wait.origin, "dgram with `wait = no`: a connected socket for each peer; xinetd looped without end")
        )
    if section.broken:
        return None
    try:
        return Service.model_validate({key: value for key, value in maker.keys.items() if value is not None or key in _NULL})
    except ValidationError as bad:
        for item in bad.errors(include_url=False):
            where = ".".join(str(part) for part in item["loc"]) or name
            section.problems.append(error(origin, f"`{where}` in service `{name}`: {item['msg']}"))
        section.broken = True
        return None


_NULL = frozenset({"instances", "per_source", "cps"})
