"""``log_type`` of a service through the real daemon: files that root opens, their limits and their rotation, syslog."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs_root
from tests.xinetd_process import XinetdCommand, eventually, program


def test_a_file_is_opened_with_the_masters_rights_and_written_by_the_front(superd: Superd) -> None:
    needs_root()  # the folder is root's alone: the front could not even see it
    port, folder = free_port(), superd.folder / "private"
    folder.mkdir(mode=0o700)
    superd.service("true", f'server = "/bin/true"\nlisten = ["127.0.0.1:{port}"]\nlog_type = "FILE {folder}/log"\n')
    superd.start()
    assert talk(port) == b""
    eventually(lambda: "EXIT true" in (folder / "log").read_text(), "both lines")
    first = (folder / "log").read_text().splitlines()[0]
    assert re.search(r" START true \w+-1 from=127\.0\.0\.1:\d+ ", first)
    assert (folder / "log").stat().st_mode & 0o777 == 0o644


def test_a_file_that_cannot_be_opened_is_reported_and_the_service_serves(superd: Superd) -> None:
    port = free_port()
    superd.service("true", f'server = "/bin/true"\nlisten = ["127.0.0.1:{port}"]\nlog_type = "FILE {superd.folder}/none/log"\n')
    superd.start()
    assert talk(port) == b""
    superd.message("none/log` cannot be opened, superd's log gets its lines: No such file or directory")
    superd.message("none/log` is not open: ")


def test_a_reload_follows_the_rotation_of_every_file(xinetd: XinetdCommand) -> None:
    port, log = free_port(), xinetd.folder / "true.log"
    xinetd.configure(program("true", port, "/bin/true", f"log_type = FILE {log}", "log_on_success = EXIT"))
    assert xinetd.run().returncode == 0
    assert talk(port) == b""
    xinetd.logged("EXIT: true status=0", log)
    for path in (log, xinetd.log):
        path.rename(path.with_suffix(".1"))
    xinetd.signal(signal.SIGHUP)
    xinetd.logged("reload: ")
    assert talk(port) == b""
    xinetd.logged("EXIT: true status=0", log)
    assert log.with_suffix(".1").read_text().count("EXIT") == 1


def test_a_rotation_is_followed_even_when_the_reload_is_refused(xinetd: XinetdCommand) -> None:
    port, log = free_port(), xinetd.folder / "true.log"
    xinetd.configure(program("true", port, "/bin/true", f"log_type = FILE {log}", "log_on_success = EXIT"))
    assert xinetd.run().returncode == 0
    log.rename(log.with_suffix(".1"))
    xinetd.configure(program("true", port, "/no/such/program"))
    xinetd.signal(signal.SIGHUP)
    xinetd.logged("reload refused")
    assert talk(port) == b""
    xinetd.logged("EXIT: true status=0", log)


def test_a_session_writes_its_last_line_where_it_wrote_its_first(xinetd: XinetdCommand) -> None:
    port, old, new = free_port(), xinetd.folder / "old.log", xinetd.folder / "new.log"
    entry = program("cat", port, "/bin/cat", "log_type = FILE {}", "log_on_success = EXIT PID")
    xinetd.configure(entry.format(old))
    assert xinetd.run().returncode == 0
    with socket.create_connection(("127.0.0.1", port), WAIT) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        xinetd.configure(entry.format(new))
        xinetd.signal(signal.SIGHUP)
        xinetd.logged("reload: ")
        assert talk(port, b"y") == b"y"
        xinetd.logged("EXIT: cat status=0", new)
    xinetd.logged("EXIT: cat status=0", old)
    assert [path.read_text().count("START") for path in (old, new)] == [1, 1]


def test_a_new_front_goes_on_in_the_same_files(xinetd: XinetdCommand) -> None:
    port, log = free_port(), xinetd.folder / "true.log"
    xinetd.configure(program("true", port, "/bin/true", f"log_type = FILE {log}", "log_on_success = EXIT"))
    assert xinetd.run().returncode == 0
    assert talk(port) == b""
    xinetd.logged("EXIT: true", log)
    children = Path(f"/proc/{xinetd.pid}/task/{xinetd.pid}/children").read_text().split()
    front = next(int(pid) for pid in children if b"launcher" not in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(front, signal.SIGKILL)
    xinetd.logged("CRITICAL: the front ended (signal 9)")
    assert talk(port) == b""
    eventually(lambda: log.read_text().count("EXIT: true") == 2, "the line of the second")


def test_the_soft_limit_is_reported_once_and_the_hard_limit_ends_the_file(xinetd: XinetdCommand) -> None:
    port, log = free_port(), xinetd.folder / "true.log"
    line = len("26/11/23@17:51:26: EXIT: true status=0\n") + len("26/11/23@17:51:26: START: true\n")
    limits = f"log_type = FILE {log} {line} {line * 3 + 8}"  # days and months of one digit are shorter
    xinetd.configure(program("true", port, "/bin/true", limits, "log_on_success = EXIT"))
    assert xinetd.run().returncode == 0
    for _ in range(8):
        assert talk(port) == b""
    xinetd.logged("reached its hard limit")
    assert log.stat().st_size <= line * 3 + 8
    text = xinetd.log.read_text()
    assert (text.count("soft limit"), text.count("hard limit")) == (1, 1)
    assert f"ALERT: log file `{log}`: reached its soft limit of {line} bytes" in text
    os.truncate(log, 0)
    assert talk(port) == b""
    xinetd.logged("EXIT: true", log)


def test_syslog_gets_a_services_lines_with_its_facility_and_level(superd: Superd) -> None:
    needs_root()
    if os.path.lexists("/dev/log"):
        pytest.skip("a syslog daemon runs here, and its socket is not ours to take")
    port = free_port()
    superd.service(
        "true",
        f'server = "/bin/true"\nlisten = ["127.0.0.1:{port}"]\nlog_type = "SYSLOG local3 notice"\nlog_style = "xinetd"\n',
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind("/dev/log")
        try:
            os.chmod("/dev/log", 0o666)
            log.settimeout(20)
            superd.start()
            assert talk(port) == b""
            lines: list[str] = []
            while len(lines) < 2:  # whatever else on this host has something to say now says it here
                lines += [line for line in [log.recv(2048).decode()] if f"[{superd.front()}]: " in line and " true " in line]
        finally:
            os.unlink("/dev/log")
    assert all(line.startswith(f"<{19 * 8 + 5}>") for line in lines)
    assert f" xinetd[{superd.front()}]: START: true pid=" in lines[0]
    assert ": EXIT: true status=0 pid=" in lines[1]
