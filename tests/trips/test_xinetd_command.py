"""``superd xinetd`` in an init script's hands: the background, its files, its signals, its exit statuses."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, free_port, living, talk
from tests.needs import needs_root
from tests.xinetd_process import ROOT, XinetdCommand, eventually, internal, program


def test_the_parent_ends_when_the_daemon_serves_and_not_before(xinetd: XinetdCommand) -> None:
    port = free_port()
    xinetd.configure(internal("echo", port, "log_on_failure = HOST"))
    done = xinetd.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert talk(port, b"hi") == b"hi"  # at once: who listens now listened before the parent ended
    assert living(xinetd.pid)
    assert os.getsid(xinetd.pid) == xinetd.pid
    assert os.readlink(f"/proc/{xinetd.pid}/cwd") == "/"
    assert {os.readlink(f"/proc/{xinetd.pid}/fd/{fd}") for fd in (0, 1, 2)} == {"/dev/null"}
    xinetd.logged("NOTICE: Started working: 1 available services")
    line = xinetd.log.read_text().splitlines()[0]
    assert f" xinetd[{xinetd.pid}]: NOTICE: " in line


def test_what_is_wrong_is_written_to_the_terminal_and_the_parent_fails(xinetd: XinetdCommand) -> None:
    xinetd.configure(internal("echo", free_port(), "instances = many"))
    done = xinetd.run()
    assert done.returncode == 78
    assert f"{xinetd.conf}:12: error: `instances = many`" in done.stderr
    assert not xinetd.pidfile.exists()


def test_a_pid_file_that_cannot_be_written_ends_the_start(xinetd: XinetdCommand) -> None:
    xinetd.configure(internal("echo", free_port()))
    done = xinetd.run("-pidfile", str(xinetd.folder / "none" / "pid"))
    assert done.returncode == 73
    assert "none/pid` cannot be written: No such file" in done.stderr


def test_a_pid_file_replaces_a_link_and_is_gone_after_the_end(xinetd: XinetdCommand) -> None:
    precious = xinetd.folder / "precious"
    precious.write_text("mine")
    xinetd.pidfile.symlink_to(precious)
    xinetd.configure(internal("echo", free_port()))
    assert xinetd.run().returncode == 0
    assert not xinetd.pidfile.is_symlink()
    assert xinetd.pidfile.stat().st_mode & 0o777 == 0o644
    pid = xinetd.pid
    xinetd.signal(signal.SIGTERM)
    eventually(lambda: not living(pid), "the end")
    assert not xinetd.pidfile.exists()
    assert precious.read_text() == "mine"


def test_without_stayalive_no_service_is_the_end_at_the_start_and_at_a_reload(xinetd: XinetdCommand) -> None:
    xinetd.configure()
    done = xinetd.run()
    assert (done.returncode, done.stderr) == (1, "superd: error: there is no service to serve\n")
    xinetd.configure(internal("echo", free_port()))
    assert xinetd.run().returncode == 0
    pid = xinetd.pid
    xinetd.configure()
    xinetd.signal(signal.SIGHUP)
    eventually(lambda: not living(pid), "the end")
    xinetd.logged("CRITICAL: no service is left: superd ends")


def test_with_stayalive_a_daemon_without_services_waits_for_a_reload(xinetd: XinetdCommand) -> None:
    port = free_port()
    xinetd.configure()
    assert xinetd.run("-stayalive").returncode == 0
    xinetd.configure(internal("echo", port))
    xinetd.signal(signal.SIGHUP)
    xinetd.logged("reload: opened `")
    assert talk(port, b"hi") == b"hi"


def test_limit_counts_the_programs_of_all_services(xinetd: XinetdCommand) -> None:
    one, two = free_port(), free_port()
    log = "log_type = FILE {}\nlog_on_failure = HOST".format(xinetd.folder / "fail.log")
    xinetd.configure(program("one", one, "/bin/cat"), program("two", two, "/bin/cat"), defaults=log)
    assert xinetd.run("-limit", "1").returncode == 0
    with socket.create_connection(("127.0.0.1", one), WAIT) as first:
        first.sendall(b"x")
        assert first.recv(1) == b"x"
        assert talk(two) == b""
    xinetd.logged("FAIL: two process_limit from=127.0.0.1", xinetd.folder / "fail.log")


def test_term_and_quit_leave_programs_running(xinetd: XinetdCommand) -> None:
    for number in (signal.SIGTERM, signal.SIGQUIT):
        port = free_port()
        xinetd.configure(program("cat", port, "/bin/cat"))
        assert xinetd.run().returncode == 0
        with socket.create_connection(("127.0.0.1", port), WAIT) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            pid = xinetd.pid
            xinetd.signal(number)
            eventually(lambda pid=pid: not living(pid), "the end")  # type: ignore[misc]
            client.sendall(b"y")
            assert client.recv(1) == b"y"


@pytest.mark.parametrize(("words", "facility"), [([], 3), (["-syslog", "local5"], 21)])
def test_its_own_messages_go_to_syslog_under_xinetds_name(xinetd: XinetdCommand, words: list[str], facility: int) -> None:
    needs_root()
    if os.path.lexists("/dev/log"):
        pytest.skip("a syslog daemon runs here, and its socket is not ours to take")
    xinetd.configure(internal("echo", free_port()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind("/dev/log")
        try:
            log.settimeout(WAIT)
            assert xinetd.bare("-f", str(xinetd.conf), "-pidfile", str(xinetd.pidfile), *words).returncode == 0
            line = ""
            while f" xinetd[{xinetd.pid}]: " not in line:  # whatever else on this host has something to say now says it here
                line = log.recv(2048).decode()
        finally:
            os.unlink("/dev/log")
    assert line.startswith(f"<{facility * 8 + 5}>")
    assert line.endswith(f" xinetd[{xinetd.pid}]: Started working: 1 available services")


def test_debug_stays_in_front_and_prints_what_it_read(xinetd: XinetdCommand) -> None:
    port = free_port()
    xinetd.configure(internal("echo", port))
    command = [sys.executable, "-m", "superd", "xinetd", "-d", "-f", str(xinetd.conf), "-pidfile", str(xinetd.pidfile)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "[echo]\n"
        assert xinetd.pid == process.pid
        assert f"port = {port}  # {xinetd.conf}:" in "".join(iter(process.stdout.readline, "\n"))
        process.send_signal(signal.SIGINT)
        assert " NOTICE: stopping on SIGINT" in process.stderr.read()
    assert process.returncode == 0


def test_inetd_compat_reads_etc_inetd_conf_and_says_when_there_is_none(xinetd: XinetdCommand) -> None:
    from superd.cli.xinetd import translate
    from superd.load.services import read
    from superd.load.sources import Sources

    assert translate(["-inetd_compat"]).inetd == ("/etc/inetd.conf",)
    xinetd.configure(internal("echo", free_port()))
    other = xinetd.folder / "inetd.conf"
    other.write_text(f"{free_port()} stream tcp nowait root /bin/cat cat\n")
    absent = str(xinetd.folder / "absent")
    registry, problems = read(Sources(str(xinetd.conf), inetd=(str(other), absent)))
    assert [service.server for service in registry.services.values()] == ["", "/bin/cat"]
    assert any(problem.origin.file == absent and "does not exist" in problem.message for problem in problems)


def test_the_state_is_written_next_to_a_link_and_never_through_it(tmp_path: Path) -> None:
    from superd.cli.run import write_dump

    precious, dump = tmp_path / "precious", tmp_path / "dump"
    precious.write_text("mine")
    dump.symlink_to(precious)
    write_dump(str(dump), b"state\n")
    assert (precious.read_text(), dump.read_text()) == ("mine", "state\n")
    assert not dump.is_symlink()
    assert dump.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dump", "precious"]


def test_usr1_with_a_folder_in_its_place_is_an_error_in_the_log_and_no_end(tmp_path: Path) -> None:
    from superd.cli.run import write_dump

    (tmp_path / "dump").mkdir()
    with pytest.raises(IsADirectoryError):
        write_dump(str(tmp_path / "dump"), b"state\n")
    assert [path.name for path in tmp_path.iterdir()] == ["dump"]


def test_usr1_writes_the_state(xinetd: XinetdCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    from superd.cli.run import default_dump
    from superd.cli.xinetd import DUMP

    monkeypatch.setenv("XDG_RUNTIME_DIR", str(xinetd.folder))
    path = Path(DUMP if os.geteuid() == 0 else default_dump())
    path.unlink(missing_ok=True)
    xinetd.configure(internal("echo", free_port()))
    assert xinetd.run().returncode == 0
    xinetd.signal(signal.SIGUSR1)
    eventually(path.exists, "the dump")
    assert path.read_text().startswith("superd state: 1 service,")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("words", [["-help"], ["-V"], ["x.conf"], ["-syslog", "nosuch"], ["-limit", "0"]])
def test_what_xinetd_took_in_silence_is_wrong_usage(words: list[str], xinetd: XinetdCommand) -> None:
    done = xinetd.bare(*words)
    assert done.returncode == 64
    assert done.stderr.startswith("superd xinetd: error: ")
