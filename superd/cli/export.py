"""``superd export systemd|xinetd|compose NAME``: one service in another daemon's words, with each key that gets lost.

Runs in: the operator's commands. Never: writes a file, or leaves out a key in silence.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from superd.address import SocketType
from superd.cli.export_confining import confining_lines
from superd.cli.problem_text import print_problems
from superd.config.toml.render import every_value
from superd.errors import ConfigError
from superd.exit_status import EX_CONFIG, EX_FAILURE, EX_USAGE
from superd.limits import Limits
from superd.load.registry import load
from superd.load.sources import Sources
from superd.problem import did_you_mean
from superd.safe_text import safe
from superd.service import Service

KINDS = ("systemd", "xinetd", "compose")
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


@dataclass(slots=True)
class Export:
    """The text, and the keys of the service that were said in it; every other key that is set is lost."""

    lines: list[str] = field(default_factory=list)
    said: set[str] = field(default_factory=set)
    wrong: str = ""

    def take(self, *keys: str) -> None:
        """These keys are in the text."""
        self.said.update(keys)


def export(sources: Sources, kind: str, name: str) -> int:
    """Print the text, and what is lost on stderr. Returns 0, 1 when a key is lost, 64, 78."""
    if kind not in KINDS:
        sys.stderr.write(f"superd: error: `{safe(kind, 40)}` is none of {', '.join(KINDS)}\n")
        return EX_USAGE
    try:
        registry, _ = load(sources)
    except ConfigError as refused:
        print_problems(refused.problems)
        return EX_CONFIG
    service = registry.services.get(name)
    if service is None:
        hint = did_you_mean(name, sorted(registry.services))
        sys.stderr.write(f"superd: error: no service `{safe(name, 80)}`{'; ' + hint if hint else ''}\n")
        return EX_USAGE
    made = {"systemd": to_systemd, "xinetd": to_xinetd, "compose": to_compose}[kind](service)
    if made.wrong:
        sys.stderr.write(f"superd: error: service `{name}` cannot be said in {kind}'s words: {made.wrong}\n")
        return EX_FAILURE
    sys.stdout.write("\n".join(made.lines) + "\n")
    lost = sorted(set(written(service)) - made.said)
    for key in lost:
        where = registry.origins.get((name, key)) or registry.origins.get((name, key.partition(".")[0])) or name
        sys.stderr.write(f"{where}: warning: `{key}` is lost\n")
    return EX_FAILURE if lost else 0


def written(service: Service) -> dict[str, Any]:
    """Every key that is not at its default."""
    plain = every_value(Service(name=service.name, disable=True))
    return {key: value for key, value in every_value(service).items() if value != plain[key] and key != "disable"}


def _needs_a_program(service: Service) -> str:
    if not service.server or service.sensor:
        return "it starts no program"
    return "it is reached through tcpmux" if service.mux_client else ""


def to_systemd(service: Service) -> Export:
    """A socket unit and its service unit, the template where each connection has a program of its own."""
    made = Export(wrong=_needs_a_program(service))
    if made.wrong:
        return made
    each = not service.wait and service.socket_type is not SocketType.DGRAM
    if not each and not service.wait:
        made.wrong = "systemd has no program for each sender of a datagram; wait = true could be said"
        return made
    made.lines = [f"# {service.name}.socket", "[Unit]", f"Description=Socket of {service.name}", "", "[Socket]"]
    made.lines += _systemd_socket(service, made, each=each)
    made.lines += ["", "[Install]", "WantedBy=sockets.target", ""]
    made.lines += [
        f"# {service.name}{'@' if each else ''}.service",
        "[Unit]",
        f"Description=Service {service.name}",
        "",
        "[Service]",
    ]
    made.lines += _systemd_service(service, made)
    return made


def _systemd_socket(service: Service, made: Export, *, each: bool) -> Iterator[str]:
    made.take("listen", "port", "socket_type", "wait", "service", "protocol", "backlog", "instances", "per_source", "v6only")
    key = {"dgram": "ListenDatagram", "seqpacket": "ListenSequentialPacket"}.get(service.socket_type.value, "ListenStream")
    for address in service.addresses():
        yield f"{key}={address.path or str(address).removeprefix('*:')}"
    yield f"Accept={'yes' if each else 'no'}"
    yield f"Backlog={service.backlog}"
    if service.v6only:
        yield "BindIPv6Only=ipv6-only"
    if each:
        yield f"MaxConnections={service.instances if service.instances is not None else 1_000_000}"
        if service.per_source is not None:
            yield f"MaxConnectionsPerSource={service.per_source}"
    if any(address.path for address in service.addresses()):
        made.take("socket_mode", "socket_user", "socket_group")
        yield f"SocketMode={service.socket_mode:04o}"
        yield from (
            f"Socket{title}={value}" for title, value in (("User", service.socket_user), ("Group", service.socket_group)) if value
        )
    for flag, word in (("KEEPALIVE", "KeepAlive"), ("NODELAY", "NoDelay")):
        if flag in service.flags:
            yield f"{word}=yes"
    if service.flags <= {"KEEPALIVE", "NODELAY", "NAMEINARGS"}:
        made.take("flags")


def _systemd_service(service: Service, made: Export) -> Iterator[str]:
    made.take(
        "server",
        "server_args",
        "user",
        "group",
        "umask",
        "nice",
        "env",
        "passenv",
        "env_file",
        "directory",
        "stderr",
        "login_environment",
    )
    named = "NAMEINARGS" in service.flags and bool(service.server_args)
    line = [service.server, *service.server_args] if not named else [f"@{service.server}", *service.server_args]
    yield "ExecStart=" + " ".join(_quoted(word) for word in line)
    yield "StandardInput=socket"
    yield f"StandardError={'socket' if service.stderr == 'socket' else 'journal'}"
    if service.user:
        yield f"User={service.user}"
    if service.group:
        yield f"Group={service.group}"
    if isinstance(service.groups, tuple):
        made.take("groups")
        yield f"SupplementaryGroups={' '.join(service.groups)}"
    elif service.groups:
        made.take("groups")  # systemd gives a user's groups by itself
    yield f"UMask={service.umask:04o}"
    yield from (f"Nice={service.nice}" for _ in range(service.nice != 0))
    yield from (f"WorkingDirectory={service.directory}" for _ in range(bool(service.directory)))
    yield from (f"Environment={_quoted(f'{name}={value}')}" for name, value in service.env)
    yield from (f"EnvironmentFile={path}" for path in service.env_file)
    if service.passenv:
        yield f"PassEnvironment={' '.join(service.passenv)}"
    for title in ("as", "cpu", "data", "rss", "stack", "nproc", "core", "fsize", "files"):
        if (value := getattr(service, f"rlimit_{title}")) is not None:
            made.take(f"rlimit_{title}")
            yield f"Limit{'NOFILE' if title == 'files' else title.upper()}={'infinity' if value < 0 else value}"
    if service.limits.session is not None:
        made.take("limits.session")
        yield f"RuntimeMaxSec={service.limits.session:g}"
    if service.limits.kill_grace != Limits().kill_grace:
        made.take("limits.kill_grace")
        yield f"TimeoutStopSec={service.limits.kill_grace:g}"
    made.take("sandbox.preset")  # the keys that it stands for are said one by one
    for confined, key in confining_lines(service):
        made.take(key)
        yield confined
    made.take("leftovers")
    if service.leftovers == "keep":
        yield "KillMode=process"
    if service.only_from is not None and "ALL" not in service.only_from and not service.no_access:
        if all(_is_network(word) for word in service.only_from):
            made.take("only_from")
            yield "IPAddressDeny=any"
            yield from (f"IPAddressAllow={' '.join(service.only_from)}" for _ in range(bool(service.only_from)))
    elif service.no_access and service.only_from is None and all(_is_network(word) for word in service.no_access):
        made.take("no_access")
        yield f"IPAddressDeny={' '.join(service.no_access)}"


def _is_network(word: str) -> bool:
    return re.fullmatch(r"[0-9a-fA-F.:]+(/\d+)?", word) is not None and (":" in word or word.count(".") == 3)


def _quoted(word: str) -> str:
    """A word of a command line of systemd."""
    text = word.replace("%", "%%").replace("$", "$$")
    if _PLAIN.fullmatch(word):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'


def to_xinetd(service: Service) -> Export:
    """An entry of xinetd.conf."""
    made = Export(wrong="it is reached through tcpmux" if service.mux_client else "")
    addresses = service.addresses()
    if len(addresses) != 1 or addresses[0].path:
        made.wrong = made.wrong or "xinetd's entries have one address of the network each"
    values = (*service.server_args, *(value for pair in service.env for value in pair), service.server)
    if any(re.search(r"[\s\"\\#]", value) for value in values):
        made.wrong = made.wrong or "xinetd's arguments have no quotes, and one of these needs them"
    if made.wrong:
        return made
    [address] = addresses
    types = sorted({*service.type, "UNLISTED"} - {"INTERNAL"}) + (["INTERNAL"] if service.internal else [])
    rows: list[tuple[str, str]] = [("id", service.name), ("type", " ".join(types)), ("socket_type", service.socket_type.value)]
    rows += [("protocol", service.proto), ("wait", "yes" if service.wait else "no"), ("port", str(address.port))]
    made.take("service", "type", "socket_type", "protocol", "wait", "port", "listen", "v6only")
    if address.host:
        rows.append(("bind", address.host))
    flags = sorted(service.flags) + (["IPv6"] if ":" in address.host or address.dual else [])
    rows += [("flags", " ".join(flags))] if flags else []
    made.take("flags")
    rows += [("user", service.user or "root")]
    made.take("user")
    for key, value in _xinetd_values(service):
        rows.append((key, value))
        made.take(key)
    if service.stderr == "socket":
        made.take("stderr")  # xinetd has no other way
    made.lines = [f"service {service.service}", "{", *(f"    {key:<16}= {value}" for key, value in rows), "}"]
    return made


def _xinetd_values(service: Service) -> Iterator[tuple[str, str]]:
    for key in ("server", "group", "banner", "banner_success", "banner_fail", "libwrap"):
        if value := getattr(service, key):
            yield key, value
    for key in ("server_args", "passenv", "access_times", "no_access"):
        if value := getattr(service, key):
            yield key, " ".join(value)
    if service.only_from is not None:
        yield "only_from", " ".join(service.only_from)
    if service.redirect:
        yield "redirect", f"{service.redirect.host} {service.redirect.port}"
    for key in ("instances", "per_source"):
        if (limit := getattr(service, key)) is not None:
            yield key, str(limit)
    if service.cps is not None and service.cps[1]:
        yield "cps", f"{service.cps[0]:g} {service.cps[1]:g}"
    if service.env:
        yield "env", " ".join(f"{name}={value}" for name, value in service.env)
    if service.nice:
        yield "nice", str(service.nice)
    if service.umask != 0o022:
        yield "umask", f"{service.umask:03o}"
    if service.groups is True:
        yield "groups", "yes"
    if service.max_load is not None:
        yield "max_load", f"{service.max_load:g}"
    if service.log_type is not None:
        yield "log_type", str(service.log_type)
    for key in ("log_on_success", "log_on_failure"):
        yield key, " ".join(sorted(getattr(service, key)))
    for key in ("rlimit_as", "rlimit_cpu", "rlimit_data", "rlimit_rss", "rlimit_stack"):
        if (value := getattr(service, key)) is not None:
            yield key, "UNLIMITED" if value < 0 else str(value)


def to_compose(service: Service) -> Export:
    """A service of a compose file: superd in a container with this one service, whose file lies next to it."""
    addresses = [address for address in service.addresses() if not address.path]
    made = Export(said=set(written(service)))
    made.lines = [
        "# compose.yaml: superd serves one file; build the image from superd's package.",
        "services:",
        f"  {service.name}:",
        "    image: superd",
        '    command: ["superd", "run", "--services", "/services.d"]',
        "    volumes:",
        f"      - ./{service.name}.toml:/services.d/{service.name}.toml:ro",
        "    restart: on-failure",
        "    stop_grace_period: 20s",
    ]
    if addresses:
        made.lines.append("    ports:")
        for address in addresses:
            host = (
                f"[{address.host}]:"
                if ":" in address.host and address.host != "::"
                else f"{address.host}:"
                if address.host
                else ""
            )
            protocol = "/udp" if address.socket_type is SocketType.DGRAM else ""
            if address.host not in ("", "::", "0.0.0.0"):  # noqa: S104 - compared, not bound
                made.said.discard("listen")  # in the container it is another address
            made.lines.append(f'      - "{host}{address.port}:{address.port}{protocol}"')
    return made
