"""inetd.conf of five inetds, or a folder of such files → ``Foreign``. Never reads the disk but through its reader.

A bad line is refused and never hides the next. A line that inetd would have served under a policy superd does not have
(IPsec, BSD login classes) is refused or said.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from superd.address import parse_listen
from superd.config.foreign import FileReader, Foreign
from superd.config.inetd_dialects import DIALECTS, Dialect, Name, detect
from superd.config.inetd_keyvalue import Statement, read_statement
from superd.problem import Origin, Problem, error, note, warning
from superd.service import BUILTIN_PORTS, Service

MAX_LINE = 16 * 1024
MAX_DEPTH = 16


@dataclass(slots=True)
class _Source:
    files: FileReader
    dialect: Dialect
    problems: list[Problem] = field(default_factory=list)
    services: dict[str, tuple[Service, Origin]] = field(default_factory=dict)
    ipsec: Origin | None = None
    default_hosts: tuple[str, ...] = ()

    def fail(self, origin: Origin, message: str, hint: str = "") -> None:
        self.problems.append(error(origin, message, hint))


def parse(path: str, files: FileReader, dialect: Name | Literal["auto"] = "auto") -> Foreign:
    """The services of ``path`` (a file, or a folder as inetutils reads one), and every problem."""
    source = _Source(files, DIALECTS["openbsd" if dialect == "auto" else dialect])
    texts: list[tuple[str, list[tuple[Origin, str]]]] = []
    for file in _files(path, source):
        texts.append((file, _lines(file, source)))
    if dialect == "auto":
        name, word = detect(text for _, lines in texts for _, text in lines)
        source.dialect = DIALECTS[name]
        why = f"`{word[:40]}` is written so there" if word else "nothing tells it from another"
        source.problems.append(
            note(
                Origin(path),
                f"read as the inetd.conf of {name}: {why}",
                "`inetd_dialect` in superd.toml (`import --dialect`) names another",
            )
        )
    for file, lines in texts:
        source.ipsec, source.default_hosts = None, ()
        _read(file, lines, source, ())
    services = tuple(service for service, _ in source.services.values())
    origins = {(service.name, ""): origin for service, origin in source.services.values()}
    origins |= {(service.name, key): origin for service, origin in source.services.values() for key in service.model_fields_set}
    return Foreign(services, origins, tuple(source.problems))


def _files(path: str, source: _Source) -> list[str]:
    try:
        names = source.files.list(path)
    except OSError:
        return [path]
    kept = [name for name in names if not name.startswith(".") and not name.endswith(("~", ".dpkg-old", ".dpkg-new"))]
    return [posixpath.join(path, name) for name in sorted(kept)]


def _lines(file: str, source: _Source) -> list[tuple[Origin, str]]:
    try:
        data = source.files.read(file)
    except OSError as failed:
        source.fail(Origin(file), f"cannot read `{file}`: {failed.strerror or failed}")
        return []
    found: list[tuple[Origin, str]] = []
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        origin = Origin(file, number)
        raw = raw.removesuffix(b"\r")
        bare = raw.lstrip(b" \t")
        if not bare or (bare.startswith(b"#") and not bare.startswith(b"#@")):
            continue
        if len(raw) > MAX_LINE or b"\0" in raw or b"\r" in raw:
            source.fail(origin, f"a line with a NUL or CR byte or more than {MAX_LINE} bytes")
            continue
        try:
            found.append((origin, raw.decode()))
        except UnicodeDecodeError:
            source.fail(origin, "the line is not UTF-8")
    return found


def _read(file: str, lines: list[tuple[Origin, str]], source: _Source, chain: tuple[str, ...]) -> None:
    entries: list[tuple[Origin, str]] = []
    statement = False  # inside a key-value statement, which ends at `;` only
    for origin, text in lines:
        words = text.split()
        if statement or (text[0] in " \t" and source.dialect.continues and entries and not text.lstrip().startswith("#@")):
            entries[-1] = (entries[-1][0], f"{entries[-1][1]} {text}")
        else:
            entries.append((origin, text))
            statement = len(words) > 1 and words[1] in ("on", "off") and source.dialect.name == "netbsd"
        if text.rstrip().endswith(";"):
            statement = False
    for origin, text in entries:
        words = text.split()
        if not words:
            continue
        if words[0].startswith("#@"):
            if source.dialect.name in ("freebsd", "netbsd"):
                source.ipsec = origin if text.strip()[2:].strip() else None
        elif words[0] == ".include" and source.dialect.name == "netbsd":
            _include(file, text, origin, source, chain)
        elif len(text) > MAX_LINE:
            source.fail(origin, f"an entry of more than {MAX_LINE} bytes")
        elif source.ipsec is not None:
            source.fail(origin, f"the IPsec policy of {source.ipsec} is not supported; the line is not served")
        elif len(words) > 1 and words[1] in ("on", "off") and source.dialect.name == "netbsd":
            _statement(text, origin, source)
        else:
            _positional(text, origin, source)


def _include(file: str, text: str, origin: Origin, source: _Source, chain: tuple[str, ...]) -> None:
    pattern = text.split(None, 1)[1].strip().strip('"') if len(text.split()) > 1 else ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(file), pattern))
    folder, base = posixpath.split(path)
    if not pattern or path in chain or path == posixpath.normpath(file) or len(chain) >= MAX_DEPTH:
        source.fail(origin, f"`.include {pattern}` names nothing or includes itself")
        return
    paths = [path]
    if any(sign in base for sign in "*?"):
        rule = re.compile("".join({"*": "[^/]*", "?": "[^/]"}.get(sign, re.escape(sign)) for sign in base))
        try:
            paths = [posixpath.join(folder, name) for name in sorted(source.files.list(folder)) if rule.fullmatch(name)]
        except OSError as failed:
            source.fail(origin, f"cannot read the folder `{folder}`: {failed.strerror or failed}")
            return
    for item in paths:
        if item in chain or item == posixpath.normpath(file):
            source.fail(origin, f"`{item}` includes itself")
            continue
        _read(item, _lines(item, source), source, (*chain, posixpath.normpath(file)))


def _statement(text: str, origin: Origin, source: _Source) -> None:
    try:
        statement = read_statement(text)
    except ValueError as bad:
        source.fail(origin, str(bad))
        return
    _make(statement, origin, source)


def _positional(text: str, origin: Origin, source: _Source) -> None:
    words = _quoted(text) if source.dialect.quotes else text.split()
    if words is None:
        source.fail(origin, "a quote is not closed")
        return
    if len(words) == 1 and words[0].endswith(":"):
        hosts = words[0][:-1]
        source.default_hosts = () if hosts in ("", "*") else tuple(hosts.split(","))
        return
    if len(words) < 6:
        source.fail(origin, f"{len(words)} fields; at least 6: service type protocol wait user server", "")
        return
    _make(Statement(words[0], words[1], words[2], words[3], words[4], words[5], tuple(words[6:])), origin, source)


def _quoted(text: str) -> list[str] | None:
    words = re.findall(r"(?:[^\s\"']|\"[^\"]*\"|'[^']*')+|[\"']", text)
    if any(word in ("'", '"') for word in words):
        return None
    return [re.sub(r"\"([^\"]*)\"|'([^']*)'", lambda m: m[1] if m[1] is not None else m[2], word) for word in words]


def _make(entry: Statement, origin: Origin, source: _Source) -> None:
    if entry.off:
        source.problems.append(note(origin, f"`{entry.service}` is off"))
        return
    try:
        keys = _Line(entry, origin, source).keys()
        service = Service.model_validate(keys)
        for text in service.listen:
            parse_listen(text, service.socket_type, 1)
    except ValidationError as bad:
        for item in bad.errors(include_url=False):
            where = ".".join(str(part) for part in item["loc"]) or "entry"
            source.fail(origin, f"`{where}`: {item['msg']}")
        return
    except ValueError as bad:
        source.fail(origin, str(bad))
        return
    for other, at in source.services.values():
        same = (other.socket_type, other.port) == (service.socket_type, service.port) and not service.mux_client
        shared = set(other.listen or ("*",)) & set(service.listen or ("*",))
        if same and shared and service.port != 0:
            source.fail(origin, f"`{service.name}` listens where `{other.name}` at {at} does")
            return
    source.services[service.name] = (service, origin)


class _Line:
    """One entry on its way to the keys of a ``Service``. Raises ``ValueError`` for the first wrong field."""

    def __init__(self, entry: Statement, origin: Origin, source: _Source) -> None:
        self.entry = entry
        self.origin = origin
        self.source = source
        self.dialect = source.dialect
        self.flags: set[str] = {"NAMEINARGS"} | (set() if source.dialect.wrapped else {"NOLIBWRAP"})
        self.types: set[str] = set()
        self.out: dict[str, Any] = {
            "stderr": "socket", "groups": True, "cps": None, "passenv": list(source.dialect.passenv),
            "log_on_success": [], "log_on_failure": ["HOST"],
        }  # fmt: skip

    def warn(self, message: str, hint: str = "") -> None:
        self.source.problems.append(warning(self.origin, message, hint))

    def keys(self) -> dict[str, Any]:
        limits = self.limits()
        self.protocol()
        self.user()
        self.server()
        if limits:
            self.out["limits"] = limits
        name, number = self.out["name"], 2
        if name in self.source.services:
            name = f"{name}-{self.out['socket_type']}"
        while name in self.source.services:
            name, number = f"{self.out['name']}-{self.out['socket_type']}-{number}", number + 1
        self.out |= {"name": name, "flags": self.flags, "type": self.types}
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
            return self.source.default_hosts, service
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
            self.source.problems.append(
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
