"""What ``superd doctor`` asks the host: kernel settings, limits, logs, names, clock, versions, other superservers.

Runs in: the operator's commands. Never: changes anything, or waits longer than three seconds for a name server.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
import resource
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from superd import __version__
from superd.cli.finding import Finding, Level
from superd.cli.host_facts import ask_all
from superd.frozen import frozen

if TYPE_CHECKING:
    from superd.registry import Registry

LIBRARIES = {"trio": (0, 29), "netaddr": (1, 3), "pydantic": (2, 10), "typer": (0, 15), "dnspython": (2, 7), "tomlkit": (0, 13)}
"""The oldest versions that superd works with, as pyproject.toml has them."""
OTHERS = {"xinetd": "xinetd", "inetd": "inetd", "inetutils-inetd": "inetutils-inetd", "openbsd-inetd": "inetd"}
"""Superservers by the name of their process, and their unit."""
PATIENCE = 3.0
SLOW = 1.0
FEW_FILES = 4096
_TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronised."""


def fine(subject: str, text: str) -> Finding:
    """A check that passed."""
    return Finding(Level.FINE, subject, text)


def odd(subject: str, text: str, fix: str) -> Finding:
    """Something that may become a problem."""
    return Finding(Level.ODD, subject, text, fix)


def bad(subject: str, text: str, fix: str) -> Finding:
    """Something that keeps superd from its work."""
    return Finding(Level.BAD, subject, text, fix)


@frozen
class Host:
    """Where the facts are read from. ``root`` stands before each path; tests give a folder of their own."""

    root: str = ""

    def text(self, path: str) -> str:
        """The text of a file of /proc or /sys, or nothing."""
        try:
            with open(self.root + path, "rb") as file:
                return file.read(65536).decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def number(self, path: str) -> int | None:
        """The first number of such a file."""
        words = self.text(path).split()
        return int(words[0]) if words and words[0].lstrip("-").isdecimal() else None

    def exists(self, path: str) -> bool:
        """Whether the path exists."""
        return os.path.exists(self.root + path)

    def processes(self) -> Iterator[tuple[int, str]]:
        """The pid and the name of every process that can be seen."""
        try:
            names = os.listdir(f"{self.root}/proc")
        except OSError:
            return
        for name in names:
            if name.isdecimal() and (comm := self.text(f"/proc/{name}/comm")):
                yield int(name), comm


HERE = Host()


def host_findings(registry: Registry | None, host: Host = HERE, asking: Callable[[], float] | None = None) -> list[Finding]:
    """Every answer about the host."""
    found = [*kernel(registry, host), *files(registry, host), *logs(registry, host), *others(host)]
    found += [names((asking or ask_for_a_name)()), *clock(), *versions(host)]
    return found


def kernel(registry: Registry | None, host: Host) -> Iterator[Finding]:
    """Settings of the kernel that a superserver depends on."""
    services = list(registry.services.values()) if registry is not None else []
    wanted = max((service.backlog for service in services), default=0)
    queue = host.number("/proc/sys/net/core/somaxconn")
    if queue is not None and wanted > queue:
        yield odd(
            "somaxconn",
            f"{queue}: the kernel cuts every `backlog` above it (up to {wanted})",
            f"sysctl -w net.core.somaxconn={wanted}",
        )
    elif queue is not None:
        yield fine("somaxconn", str(queue))
    if host.number("/proc/sys/net/ipv4/tcp_syncookies") == 0:
        yield odd("syncookies", "off: a flood of SYN packets fills the accept queues", "sysctl -w net.ipv4.tcp_syncookies=1")
    else:
        yield fine("syncookies", "on")
    has_v6 = host.exists("/proc/net/if_inet6")
    literal = sorted({str(a) for service in services for a in service.addresses() if ":" in a.host})
    if literal and not has_v6:
        yield bad(
            "ipv6", f"off on this host, and a service listens on {literal[0]}", "remove the address from `listen`, or load ipv6"
        )
    else:
        yield fine("ipv6", "on" if has_v6 else "off, and no service needs it")
    pids, limit = host.number("/proc/sys/kernel/pid_max"), registry.settings.process_limit if registry is not None else None
    if pids is not None and limit is not None and limit > pids // 2:
        yield odd("pid_max", f"{pids}: `process_limit` allows {limit} programs", "sysctl -w kernel.pid_max=4194304")
    elif pids is not None:
        yield fine("pid_max", str(pids))
    lowest = host.number("/proc/sys/net/ipv4/ip_unprivileged_port_start") or 1024
    low = sorted({a.port for service in services for a in service.addresses() if 0 < a.port < lowest})
    if low and os.geteuid() != 0:
        yield bad(
            f"port {low[0]}",
            f"only root may listen below {lowest}, and this is uid {os.geteuid()}",
            f"run superd as root, or: sysctl -w net.ipv4.ip_unprivileged_port_start={low[0]}",
        )
    cgroup = "version 2" if host.exists("/sys/fs/cgroup/cgroup.controllers") else "version 1, or not mounted"
    yield fine("cgroups", cgroup)
    spaces = host.number("/proc/sys/user/max_user_namespaces")
    yield fine("namespaces", "user namespaces are off" if spaces == 0 else "user namespaces are on")


def files(registry: Registry | None, host: Host) -> Iterator[Finding]:
    """How many connections the limit of open files leaves to the running superd, or to one started here."""
    running = master(host)
    if running is not None:
        words = next(
            (line.split() for line in host.text(f"/proc/{running}/limits").splitlines() if line.startswith("Max open")), []
        )
        most = int(words[4]) if len(words) > 4 and words[4].isdecimal() else None
        where = f"of the running superd (pid {running})"
    else:
        most, where = resource.getrlimit(resource.RLIMIT_NOFILE)[1], "of this shell"
    if most is None or most < 0:
        yield fine("nofile", f"no limit {where}")
        return
    listeners = sum(len(service.addresses()) for service in registry.services.values()) if registry is not None else 0
    left = max(0, most - 2 * listeners - 64)
    if most < FEW_FILES:
        text = f"{most} {where}: {listeners} listeners leave about {left} connections"
        yield odd("nofile", text, "LimitNOFILE=65536 (systemctl edit superd)")
    else:
        yield fine("nofile", f"{most} {where}")


def master(host: Host) -> int | None:
    """The pid of a running superd, by its title."""
    return next((pid for pid, comm in host.processes() if comm == "superd: master"), None)


def logs(registry: Registry | None, host: Host) -> Iterator[Finding]:
    """Whether the log's targets are there."""
    targets = registry.settings.log.targets if registry is not None else ()
    styles = [str(service.log_type or "") for service in registry.services.values()] if registry is not None else []
    syslog = "syslog" in targets or any(style.startswith("SYSLOG") for style in styles)
    if syslog and not host.exists("/dev/log"):
        yield bad(
            "syslog", "/dev/log does not exist, and the configuration logs there", "install rsyslog, or change `[log] targets`"
        )
    else:
        yield fine("syslog", "/dev/log is there" if host.exists("/dev/log") else "not used")
    if "journal" in targets and not host.exists("/run/systemd/journal/socket"):
        yield bad("journal", "the journal does not run, and `[log] targets` names it", "change `[log] targets`")
    else:
        yield fine("journal", "runs" if host.exists("/run/systemd/journal/socket") else "not used")


def others(host: Host) -> Iterator[Finding]:
    """Other superservers that run."""
    found = [(pid, comm) for pid, comm in host.processes() if comm in OTHERS]
    for pid, comm in found:
        yield odd(comm, f"another superserver runs (pid {pid})", f"systemctl disable --now {OTHERS[comm]}")
    if not found:
        yield fine("superservers", "no other one runs")


def ask_for_a_name() -> float:
    """Seconds until the resolver says that a name does not exist."""
    begin = time.monotonic()
    ask_all(["superd-doctor.invalid"], PATIENCE)
    return time.monotonic() - begin


def names(seconds: float) -> Finding:
    """What the resolver's patience means for connections that a rule with a name decides."""
    if seconds >= SLOW:
        text = f"the resolver took {seconds:.1f} s: rules with host names hold each new connection up as long"
        return odd("names", text, "look at /etc/resolv.conf; or write addresses in hosts.allow and hosts.deny")
    return fine("names", f"the resolver answered in {seconds * 1000:.0f} ms")


def clock() -> Iterator[Finding]:
    """Whether the clock is kept right: logs and `access_times` depend on it."""
    buffer = ctypes.create_string_buffer(256)  # struct timex with modes = 0: nothing is set
    state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    if state == _TIME_ERROR:
        yield odd(
            "clock",
            "not synchronised: `access_times` and the times of the log may be wrong",
            "systemctl enable --now systemd-timesyncd",
        )
    else:
        yield fine("clock", "synchronised" if state >= 0 else "could not be asked")


def versions(host: Host) -> Iterator[Finding]:
    """superd's own, Python's, the kernel's, and those of the libraries."""
    yield fine("superd", __version__)
    yield fine("python", platform.python_version())
    yield fine("kernel", host.text("/proc/sys/kernel/osrelease") or platform.release())
    for name, least in LIBRARIES.items():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield bad(name, "is not installed", f"pip install {name}, or install superd's package")
            continue
        has = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
        if has < least:
            wanted = ".".join(map(str, least))
            yield bad(name, f"{version} is too old: superd needs {wanted}", f"pip install '{name}>={wanted}'")
        else:
            yield fine(name, version)
