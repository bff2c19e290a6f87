"""How each server is configured to serve the same thing. Limits of the peers that would end a measurement are lifted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from stand import Bench, Server
from tools import ROOT

NOBODY = 65534
FIRST_PORT = 20000
MANY = 1000
RULES = 10_000
BESIDE = "superd, other"
"""The column of `--beside`: superd of another checkout, to see what a change brings or costs."""


def deny_lines(count: int) -> str:
    """A hosts.deny as denyhosts writes it: one address a line, none of them loopback's."""
    return "".join(f"ALL : 10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}\n" for n in range(count))


class Superd:
    """superd over a folder of service files of its own."""

    def __init__(self, bench: Bench, folder: Path, name: str = "superd", rules: int = 0, last: str = "") -> None:
        self.name = name
        self._bench = bench
        self.folder = folder / name
        self.services = self.folder / "services.d"
        self.services.mkdir(parents=True)
        (self.folder / "hosts.allow").write_text("")
        (self.folder / "hosts.deny").write_text(deny_lines(bench.count(rules) if rules else 0) + last)

    def add(self, name: str, port: int, *, internal: str = "", program: str = "", redirect: str = "", more: str = "") -> None:
        """One service file. Counts and rates stay on, with bounds that are out of reach."""
        lines = [f'listen = ["127.0.0.1:{port}"]', "instances = 100000", "per_source = 100000", "cps = [1000000, 1]"]
        if program:
            lines += [f'server = "{program}"', 'env = { BENCH = "yes" }']
            lines += ['user = "nobody"'] if self._bench.root else []
        elif redirect:
            lines.append(f'redirect = "{redirect}"')
        else:
            lines += ['type = "INTERNAL"', f'service = "{internal}"']
        (self.services / f"{name}.toml").write_text("\n".join([*lines, more, ""]))

    def add_many(self, count: int, first: int, program: str) -> range:
        """Services that only listen."""
        for port in range(first, first + count):
            self.add(f"many{port}", port, program=program)
        return range(first, first + count)

    def can_be_served(self) -> bool:
        """Whether this host has all that the services need: `superd check` finds no error and no warning."""
        argv = [sys.executable, "-m", "superd", "check", "--services", str(self.services)]
        env = {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
        done = subprocess.run(argv, capture_output=True, text=True, env=env, check=False)
        return done.returncode == 0 and "no limits by groups" not in done.stdout + done.stderr

    def server(self, port: int, ports: tuple[int, ...] = ()) -> Server:
        """The column."""
        return self._server(port, ports, self.name, sys.executable, ROOT)

    def server_beside(self, port: int) -> list[Server]:
        """The column of the other checkout's superd, over the same file at ``port``; none without one."""
        other = self._bench.beside
        return [self._server(port, (), BESIDE, str(other / ".venv/bin/python"), other)] if other is not None else []

    def _server(self, port: int, ports: tuple[int, ...], name: str, python: str, root: Path) -> Server:
        tables = ["--hosts-allow", str(self.folder / "hosts.allow"), "--hosts-deny", str(self.folder / "hosts.deny")]
        argv = [python, "-m", "superd", "run", "--services", str(self.services), *tables]
        return Server(name, argv, port, ports, env={"PYTHONPATH": str(root), "PYTHONSAFEPATH": "1"})


def xinetd_service(name: str, port: int, attributes: Mapping[str, str], nolibwrap: bool = True) -> str:
    """One service of xinetd.conf."""
    flags = ["        flags = NOLIBWRAP"] if nolibwrap else []
    lines = [f"        {key} = {value}" for key, value in attributes.items()]
    common = [f"        port = {port}", "        socket_type = stream", "        protocol = tcp", "        wait = no"]
    kind = [] if "type" in attributes else ["        type = UNLISTED"]
    return "\n".join([f"service {name}", "{", *kind, *common, *flags, *lines, "}", ""])


def xinetd(bench: Bench, folder: Path, port: int, services: str, name: str = "xinetd") -> Server:
    """xinetd with its limits lifted; it logs nothing for a start or an end, as it does by itself."""
    conf = folder / f"{name}.conf"
    conf.write_text("defaults\n{\n        instances = UNLIMITED\n        cps = 1000000 1\n}\n" + services)
    argv = [bench.peers["xinetd"], "-dontfork", "-filelog", str(folder / f"{name}.out"), "-f", str(conf)]
    return Server(name, [*argv, "-pidfile", str(folder / f"{name}.pid")], port)


def tiny_by_xinetd(bench: Bench, folder: Path, port: int, many: range = range(0), name: str = "xinetd") -> Server:
    """xinetd that starts the tiny program, on ``port`` and all of ``many``."""
    attributes = {"user": "nobody", "server": bench.program("tiny"), "bind": "127.0.0.1"}
    services = "".join(xinetd_service(f"t{each}", each, attributes) for each in (port, *many))
    return xinetd(bench, folder, port, services, name)


def openbsd_inetd(bench: Bench, folder: Path, lines: str, port: int, name: str = "openbsd-inetd") -> Server:
    """openbsd-inetd in the foreground."""
    conf = folder / f"{name}.conf"
    conf.write_text(lines)
    return Server(name, [bench.peers["openbsd-inetd"], "-i", "-q", "4096", "-R", "1000000", str(conf)], port)


def tiny_by_rlinetd(bench: Bench, folder: Path, port: int, many: range = range(0)) -> Server:
    """rlinetd, with its parser from an unpacked package."""
    conf = folder / "rlinetd.conf"
    conf.write_text(
        "".join(
            f'service "t{each}" {{ port "{each}"; interface 127.0.0.1; protocol tcp; user "nobody"; backlog 4096; '
            f'instances 100000; exec "{bench.program("tiny")}"; }}\n'
            for each in (port, *many)
        )
    )
    program = Path(bench.peers["rlinetd"])
    parsers = [path for top in program.parents for path in top.glob("usr/lib/*/rlinetd/libparse.so")][:1]
    parser = ["-p", str(parsers[0])] if parsers else []
    return Server("rlinetd", [str(program), "-d", *parser, "-f", str(conf)], port)


def tiny_servers(bench: Bench, folder: Path) -> list[Server]:
    """Every server starts the tiny program as `nobody`; superd with rules, limits, environment and log lines on."""
    tiny, port = bench.program("tiny"), FIRST_PORT
    ours = Superd(bench, folder, rules=RULES)
    ours.add("tiny", port, program=tiny)
    limited = Superd(bench, folder, "superd, rlimits", rules=RULES)
    limited.add("tiny", port + 100, program=tiny, more='rlimit_cpu = 60\nrlimit_as = "1G"')
    servers = [ours.server(port), limited.server(port + 100)]
    if bench.beside is not None:
        other = Superd(bench, folder, BESIDE, rules=RULES)
        other.add("tiny", port + 200, program=tiny)
        servers += other.server_beside(port + 200)
    if not bench.root:
        return [*servers, Server("floor", [bench.program("floor"), "start", str(port + 1), "0", tiny], port + 1)]
    line = "{port} stream tcp nowait{dot} nobody {tiny} tiny\n"
    here, as_nobody = "127.0.0.1", ["-u", str(NOBODY), "-g", str(NOBODY)]
    makers: dict[str, Callable[[int], Server]] = {
        "xinetd": lambda at: tiny_by_xinetd(bench, folder, at),
        "openbsd-inetd": lambda at: openbsd_inetd(bench, folder, f"{here}:" + line.format(port=at, dot="", tiny=tiny), at),
        "inetutils-inetd": lambda at: _inetutils(bench, folder, line.format(port=at, dot="", tiny=tiny), at),
        "rlinetd": lambda at: tiny_by_rlinetd(bench, folder, at),
        "tcpserver": lambda at: Server(
            "tcpserver",
            [bench.peers["tcpserver"], "-H", "-R", "-l0", "-c1000", "-b4096", *as_nobody, here, str(at), tiny],
            at,
        ),
        "tcpsvd": lambda at: Server(
            "tcpsvd",
            [bench.peers["tcpsvd"], "-c1000", "-b4096", "-u", f":{NOBODY}:{NOBODY}", "-l", "localhost", here, str(at), tiny],
            at,
        ),
        "socat": lambda at: Server(
            "socat",
            [bench.peers["socat"], f"TCP4-LISTEN:{at},bind={here},reuseaddr,fork,backlog=4096,su=nobody", f"EXEC:{tiny},nofork"],
            at,
        ),
        "systemd-socket-activate": lambda at: Server(
            "systemd-socket-activate",
            [bench.peers["systemd-socket-activate"], "-l", f"{here}:{at}", "--accept", "--inetd", tiny],
            at,
            identity=(NOBODY, NOBODY),
        ),
    }  # fmt: skip
    for offset, (name, make) in enumerate(makers.items(), 1):
        if name in bench.peers:
            servers.append(make(port + offset))
    last = port + len(makers) + 1
    return [*servers, Server("floor", [bench.program("floor"), "start", str(last), str(NOBODY), tiny], last)]


def _inetutils(bench: Bench, folder: Path, lines: str, port: int) -> Server:
    conf = folder / "inetutils.conf"
    conf.write_text(lines)
    argv = [bench.peers["inetutils-inetd"], "-d", "-R", "100000000", f"--pidfile={folder / 'inetutils.pid'}", str(conf)]
    return Server("inetutils-inetd", argv, port)
