"""xinetd's log and superd's, of the same events: line by line the same, except for times and pids; and what reads such logs.

Real xinetd over one configuration, ``superd xinetd`` over the same; each in turn, on the same ports.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, free_port, living
from tests.needs import needs, needs_root
from tests.xinetd_process import XinetdCommand, eventually

FLAGS = "log_on_success = HOST PID EXIT DURATION USERID\nlog_on_failure = HOST USERID ATTEMPT\n"
FILTER = "/etc/fail2ban/filter.d/xinetd-fail.conf"


def entry(name: str, port: int, *lines: str, server: str = "/bin/true") -> str:
    """One service on every IPv4 address of loopback."""
    return "\n".join(
        [
            f"service {name}\n{{\ntype = UNLISTED\nsocket_type = stream\nprotocol = tcp\nwait = no\nflags = IPv4 NOLIBWRAP",
            f"user = root\nport = {port}",
            *([f"server = {server}"] if server else []),
            *lines,
            "}\n",
        ]
    )


def visit(port: int, data: bytes = b"", *, source: str = "127.0.0.1") -> None:
    """One connection from its beginning to the end that the other side makes of it."""
    with socket.create_connection(("127.0.0.1", port), WAIT, source_address=(source, 0)) as sock, contextlib.suppress(OSError):
        if data:
            sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(4096):
            pass


class Ident:
    """An ident server on loopback's port 113, which says the same of every connection."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 113))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                ports = client.recv(100).strip()
                client.sendall(ports + b" : " + self._answer + b"\r\n")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def command(tmp_path: Path) -> Iterator[XinetdCommand]:
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    daemon = XinetdCommand(tmp_path)
    yield daemon
    daemon.stop()


def masked(line: str) -> str:
    """Without what differs from run to run: times, pids."""
    line = re.sub(r"^\d\d/\d{1,2}/\d{1,2}@\d\d:\d\d:\d\d: ", "", line)
    return re.sub(r"pid=[1-9]\d*", "pid=N", re.sub(r"duration=\d+", "duration=D", line))


def logged_by_xinetd(command: XinetdCommand, log: Path, events: Callable[[], None], lines: int) -> list[str]:
    """What the real one makes of the events."""
    pidfile = command.folder / "real.pid"
    main = command.folder / "real.log"
    arguments = ["-f", str(command.conf), "-pidfile", str(pidfile), "-filelog", str(main), "-stayalive"]
    subprocess.run([needs("xinetd", "xinetd"), *arguments], check=True, close_fds=True, timeout=WAIT)
    eventually(lambda: "Started working" in main.read_text() if main.exists() else False, "xinetd")
    pid = int(pidfile.read_text())
    try:
        events()
        eventually(lambda: log.exists() and len(log.read_text().splitlines()) >= lines, f"{lines} lines of xinetd")
    finally:
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not living(pid), "the end of xinetd")
    text = log.read_text()
    log.unlink()
    return sorted(masked(line) for line in text.splitlines())


def logged_by_superd(command: XinetdCommand, log: Path, events: Callable[[], None], lines: int) -> list[str]:
    """What superd makes of them."""
    assert command.run().returncode == 0
    events()
    eventually(lambda: log.exists() and len(log.read_text().splitlines()) >= lines, f"{lines} lines of superd")
    command.stop()
    return sorted(masked(line) for line in log.read_text().splitlines())


BUILTIN = """service {}
{{
type = INTERNAL UNLISTED
socket_type = stream
protocol = tcp
wait = no
port = {}
flags = IPv4
{}
}}
"""


def closed_hours() -> str:
    """Half an hour that is not now, nor soon."""
    hour = (time.localtime().tm_hour + 12) % 24
    return f"{hour}:00-{hour}:30"


def test_both_write_the_same_lines_of_the_same_events(command: XinetdCommand) -> None:
    needs_root()
    log = command.folder / "service.log"
    names = ("plain", "three", "killed", "full", "crowd", "never", "busy", "relayed", "alone", "echo", "daytime", "trap", "quiet")
    ports = {name: free_port() for name in names}
    script = command.folder / "exits"
    script.write_text('#!/bin/sh\ncase "$1" in killed) kill -9 $$;; *) exit 3;; esac\n')
    script.chmod(0o755)
    target = socket.create_server(("127.0.0.1", 0))
    command.conf.write_text(
        f"defaults\n{{\nlog_type = FILE {log}\n{FLAGS}}}\n"
        + entry("plain", ports["plain"])
        + entry("three", ports["three"], server=str(script))
        + entry("killed", ports["killed"], "server_args = killed", server=str(script))
        + entry("full", ports["full"], "instances = 0")
        + entry("crowd", ports["crowd"], "per_source = 0")
        + entry("never", ports["never"], f"access_times = {closed_hours()}")
        + entry("busy", ports["busy"], "max_load = 0.00001")
        + entry(
            "relayed", ports["relayed"], f"redirect = 127.0.0.1 {target.getsockname()[1]}", "log_on_success += TRAFFIC", server=""
        )
        + entry("alone", ports["alone"], "log_on_success -= HOST PID", "log_on_failure =")
        + BUILTIN.format("echo", ports["echo"], "")
        + BUILTIN.format("daytime", ports["daytime"], "log_on_success -= USERID")  # xinetd asks no server there
        + BUILTIN.format("trap", ports["trap"], "log_on_failure -= USERID").replace("flags = IPv4", "flags = IPv4 SENSOR")
        + entry("quiet", ports["quiet"], "log_on_success =", "log_on_failure =")
    )

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = target.accept()
                with client:
                    client.recv(100)
                    client.sendall(b"answer")

    threading.Thread(target=answer, daemon=True).start()

    def events() -> None:
        ident = Ident(b"USERID : UNIX : alice")
        try:
            for name in names:
                if name == "relayed":  # no end of ours before theirs: xinetd ends both ways at the first
                    with socket.create_connection(("127.0.0.1", ports[name]), WAIT) as sock:
                        sock.sendall(b"abc")
                        while sock.recv(100):
                            pass
                else:
                    visit(ports[name])
        finally:
            ident.close()

    try:
        theirs = logged_by_xinetd(command, log, events, 28)
        ours = logged_by_superd(command, log, events, 28)
    finally:
        target.close()
    assert ours == theirs


def ask(port: int, *, answered: bool = True) -> None:
    """One datagram and its answer; again without one, because xinetd throws away what comes while it answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.5)
        for _ in range(int(WAIT)):
            sock.sendto(b"x\n", ("127.0.0.1", port))
            with contextlib.suppress(TimeoutError):
                if not answered or sock.recv(100):
                    return
    raise AssertionError(f"no answer from port {port}")


DATAGRAM = BUILTIN.replace("stream", "dgram").replace("tcp", "udp").replace("wait = no", "wait = yes\nuser = root")


def test_both_write_the_same_lines_of_a_datagram(command: XinetdCommand) -> None:
    needs_root()
    log, names = command.folder / "service.log", ("echo", "daytime", "time", "chargen")
    ports = {name: free_port() for name in names}
    command.conf.write_text(
        f"defaults\n{{\nlog_type = FILE {log}\nlog_on_success = HOST PID EXIT DURATION\nlog_on_failure = HOST ATTEMPT\n}}\n"
        + "".join(DATAGRAM.format(name, ports[name], "") for name in names[:-1])
        + DATAGRAM.format("chargen", ports["chargen"], "no_access = 127.0.0.1")
    )

    def events() -> None:
        for name in names:
            ask(ports[name], answered=name != "chargen")

    theirs = logged_by_xinetd(command, log, events, 4)
    ours = logged_by_superd(command, log, events, 4)
    assert ours == theirs
    assert ours[0] == "FAIL: chargen address from=127.0.0.1"
    assert ours[-1] == "START: time pid=0 from=127.0.0.1"


def test_the_same_line_of_one_sender_of_datagrams_is_written_once_in_a_while(command: XinetdCommand) -> None:
    needs_root()
    log, port = command.folder / "service.log", free_port()
    command.conf.write_text(
        f"defaults\n{{\nlog_type = FILE {log}\nlog_on_success = HOST\n}}\n" + DATAGRAM.format("echo", port, "")
    )

    def events() -> None:
        for _ in range(3):
            ask(port)

    assert logged_by_xinetd(command, log, events, 3)[:3] == ["START: echo from=127.0.0.1"] * 3
    assert logged_by_superd(command, log, events, 1) == ["START: echo from=127.0.0.1"]


@pytest.mark.parametrize(
    ("answer", "reason"), [(None, "no server"), (b"ERROR : NO-USER", "bad response"), (b"nonsense", "bad response")]
)
def test_both_say_alike_why_ident_named_no_user(command: XinetdCommand, answer: bytes | None, reason: str) -> None:
    needs_root()
    log, port = command.folder / "service.log", free_port()
    text = entry("idonly", port, f"log_type = FILE {log}", "log_on_success = USERID")
    command.conf.write_text(text.replace("NOLIBWRAP", "NOLIBWRAP IDONLY"))

    def events() -> None:
        ident = Ident(answer) if answer is not None else None
        try:
            visit(port)
        finally:
            if ident is not None:
                ident.close()

    theirs = logged_by_xinetd(command, log, events, 2)
    ours = logged_by_superd(command, log, events, 1)
    assert theirs == [f"NOID: idonly 127.0.0.1 {reason}", "START: idonly"]
    assert ours == theirs[:1]  # no START of what never started


def refusals(command: XinetdCommand, log_type: str) -> tuple[int, int]:
    """Two services that refuse: one the addresses of loopback but one, one every client."""
    some, none = free_port(), free_port()
    command.conf.write_text(
        f"defaults\n{{\nlog_type = {log_type}\nlog_on_success = HOST PID EXIT\nlog_on_failure = HOST\n}}\n"
        + entry("some", some, "only_from = 127.0.0.7")
        + entry("none", none, "no_access = 0.0.0.0/0")
    )
    return some, none


def test_fail2bans_own_filter_finds_who_was_refused_in_the_file(command: XinetdCommand) -> None:
    program, stock = needs("fail2ban", "fail2ban-regex"), needs("fail2ban", FILTER)
    needs_root()
    log = command.folder / "service.log"
    some, none = refusals(command, f"FILE {log}")
    assert command.run().returncode == 0
    for port, source in [(some, "127.0.0.5"), (some, "127.0.0.7"), (none, "127.0.0.7"), (some, "127.0.0.6")]:
        visit(port, source=source)
    eventually(lambda: log.read_text().count("\n") == 5, "three refusals, a start and an end")
    done = subprocess.run([program, "-o", "ip", log, stock], capture_output=True, text=True, timeout=WAIT)
    assert done.stdout.split() == ["127.0.0.5", "127.0.0.7", "127.0.0.6"]


LOGWATCH = (
    re.compile(r"^(xinetd|xinetd-ipv6)\[\d+\]: START: ([^ ]+) pid=\d+ from=([^\n]+)$"),
    re.compile(r"^(xinetd|xinetd-ipv6)\[\d+\]: EXIT: "),
    re.compile(r"^xinetd\[\d+\]: FAIL: (.+) (?:address|libwrap|service_limit|connections per second) from=([\d.]+)"),
)
"""What logwatch 7.7 looks for (scripts/services/secure), after the time and the host of a syslog line."""


def test_syslog_gets_lines_that_logwatch_and_fail2ban_read(command: XinetdCommand) -> None:
    program, stock = needs("fail2ban", "fail2ban-regex"), needs("fail2ban", FILTER)
    needs_root()
    if os.path.lexists("/dev/log"):
        pytest.skip("a syslog daemon runs here, and its socket is not ours to take")
    some, _ = refusals(command, "SYSLOG authpriv")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind("/dev/log")
        try:
            os.chmod("/dev/log", 0o666)
            syslog.settimeout(WAIT)
            assert command.run().returncode == 0
            visit(some, source="127.0.0.7")
            visit(some, source="127.0.0.5")
            lines = [syslog.recv(2048).decode() for _ in range(3)]
        finally:
            os.unlink("/dev/log")
    # Each as a syslog daemon writes it: without the priority, with the host after the time (15 characters).
    plain = sorted((re.sub(r"^<\d+>", "", line) for line in lines), key=lambda line: line[16:].partition("]: ")[2])
    exit_line, fail, start = (line[16:] for line in plain)
    assert LOGWATCH[0].match(start)
    assert LOGWATCH[1].match(exit_line)
    found = LOGWATCH[2].match(fail)
    assert found is not None
    assert found.groups() == ("some", "127.0.0.5")
    written = command.folder / "syslog"
    written.write_text("".join(f"{line[:16]}host {line[16:]}\n" for line in plain))
    done = subprocess.run([program, "-o", "ip", written, stock], capture_output=True, text=True, timeout=WAIT)
    assert done.stdout.split() == ["127.0.0.5"]
