"""Who a program is and what the kernel holds for it, told by the kernel itself: /proc/self as the program reads it."""

from __future__ import annotations

import grp
import os
import pwd
import re
import socket
import sys
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs, needs_root


def a_probe(superd: Superd, extra: str, *, program: str = "/bin/cat", args: str = '"/proc/self/status"') -> int:
    port = free_port()
    superd.service("probe", f'server = "{program}"\nserver_args = [{args}]\nlisten = ["127.0.0.1:{port}"]\n{extra}')
    return port


def status(port: int) -> dict[str, str]:
    """The lines of /proc/self/status, words separated by one blank."""
    lines = [line.split(":", 1) for line in talk(port).decode().splitlines()]
    return {key: " ".join(value.split()) for key, value in lines}


def four(number: int) -> str:
    """Real, effective, saved and file system id."""
    return " ".join([str(number)] * 4)


def test_user_group_and_groups_are_exactly_those_that_are_named(superd: Superd) -> None:
    needs_root()
    port = a_probe(superd, 'user = "daemon"\ngroup = "games"\ngroups = ["mail", "news"]\n')
    superd.start()
    world = status(port)
    assert world["Uid"] == four(pwd.getpwnam("daemon").pw_uid)
    assert world["Gid"] == four(grp.getgrnam("games").gr_gid)
    assert sorted(map(int, world["Groups"].split())) == sorted(grp.getgrnam(name).gr_gid for name in ("mail", "news"))
    assert {world[key].strip("0") for key in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {""}


def test_without_groups_there_are_none_and_the_group_is_the_users(superd: Superd) -> None:
    needs_root()
    port = a_probe(superd, 'user = "nobody"\n')
    superd.start()
    world = status(port)
    assert (world["Uid"], world["Gid"]) == (four(pwd.getpwnam("nobody").pw_uid), four(pwd.getpwnam("nobody").pw_gid))
    assert world["Groups"] == ""


def test_groups_true_is_what_the_group_file_says_of_the_user(superd: Superd) -> None:
    needs_root()
    port = a_probe(superd, 'user = "daemon"\ngroups = true\n')
    superd.start()
    expected = os.getgrouplist("daemon", pwd.getpwnam("daemon").pw_gid)
    assert sorted(map(int, status(port)["Groups"].split())) == sorted(expected)


def test_a_better_priority_is_roots_to_give_and_limits_are_soft_and_hard_alike(superd: Superd) -> None:
    needs_root()
    superd.prefix = [needs("util-linux", "prlimit"), "--nofile=1024:4096", "--core=0"]
    rlimits = (
        'rlimit_files = 2048\nrlimit_cpu = 60\nrlimit_as = "1G"\nrlimit_data = "512M"\nrlimit_stack = "4M"\nrlimit_rss = "64M"\n'
    )
    port = a_probe(superd, f'user = "nobody"\nnice = -5\n{rlimits}', args='"/proc/self/limits", "/proc/self/stat", "-"')
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock, sock.makefile("rb") as stream:
        pid = superd.event(event="START")["pid"]
        told = b""
        while told.count(b"\n") < 18:
            told += stream.readline()
        # The hard limit of CPU seconds comes after exec, and before START.
        seconds = next(line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "cpu time" in line)
    *lines, stat = told.decode().splitlines()
    limits = {line[:26].strip(): tuple(line[26:].split()[:2]) for line in lines}
    assert limits["Max open files"] == ("2048", "2048")
    assert limits["Max cpu time"][0] == "60"
    assert seconds[26:].split()[:2] == ["60", "60"]
    assert limits["Max address space"] == (str(1 << 30),) * 2
    assert limits["Max data size"] == (str(512 << 20),) * 2
    assert limits["Max stack size"] == (str(4 << 20),) * 2
    assert limits["Max resident set"] == (str(64 << 20),) * 2
    assert limits["Max core file size"] == ("0", "0")
    assert stat.rsplit(")", 1)[1].split()[16] == "-5"


def test_a_program_gets_the_soft_limit_of_open_files_that_superd_was_started_with(superd: Superd) -> None:
    superd.prefix = [needs("util-linux", "prlimit"), "--nofile=512:4096"]
    port = a_probe(superd, "", args='"/proc/self/limits"')
    superd.start()
    assert re.search(r"Max open files +512 +4096 ", talk(port).decode())


def test_signals_umask_folder_session_and_descriptors_are_not_those_of_who_started_superd(superd: Superd) -> None:
    with (superd.folder / "secret").open("w") as secret:
        superd.prefix = [
            needs("coreutils", "env"), "--chdir=/tmp", "--ignore-signal=USR1,QUIT,INT", "--block-signal=USR2,WINCH",
            "sh", "-c", f'umask 0077; PYTHONPATH={Path.cwd()}; export PYTHONPATH; exec "$@"', "sh",
        ]  # fmt: skip
        superd.pass_fds = (secret.fileno(),)
        port = a_probe(superd, 'umask = "0027"\n')
        script = "readlink /proc/$$/cwd; ls /proc/$$/fd; cut -d' ' -f1,5,6 /proc/$$/stat"
        other = free_port()
        superd.service("shell", f'server = "/bin/sh"\nserver_args = ["-c", "{script}"]\nlisten = ["127.0.0.1:{other}"]\n')
        superd.start()
    world = status(port)
    assert {world[key].strip("0") for key in ("SigBlk", "SigIgn", "SigCgt", "SigPnd")} == {""}
    assert world["Umask"] == "0027"
    cwd, *fds, ids = talk(other).decode().splitlines()
    assert cwd == "/"
    assert fds == ["0", "1", "2"]
    pid, group, session = ids.split()
    assert pid == group == session


def test_stderr_socket_is_the_connection_as_under_xinetd(superd: Superd) -> None:
    port = free_port()
    superd.service(
        "loud",
        'server = "/bin/sh"\nserver_args = ["-c", "echo out; echo err >&2; readlink /proc/$$/fd/0 /proc/$$/fd/2"]\n'
        f'stderr = "socket"\nlisten = ["127.0.0.1:{port}"]\n',
    )
    superd.start()
    out, err, zero, two = talk(port).split()
    assert (out, err) == (b"out", b"err")
    assert zero == two


def test_env_and_passenv_make_the_whole_environment(superd: Superd) -> None:
    superd.prefix = ["env", "SECRET=1", "HANDED=on", "PROTO=lie"]
    extra = 'passenv = ["HANDED", "PROTO", "NOT_THERE"]\nenv = { A = "b", TCPREMOTEIP = "lie", PATH = "/bin" }\n'
    port = a_probe(superd, extra, program="/usr/bin/env", args="")
    superd.start()
    env = dict(line.split("=", 1) for line in talk(port).decode().splitlines())
    assert {key for key in env if not key.startswith(("TCP", "REMOTE_"))} == {"A", "HANDED", "PATH", "PROTO"}
    assert (env["A"], env["HANDED"], env["PATH"]) == ("b", "on", "/bin")
    # What superd says of the connection wins over what any other says.
    assert (env["PROTO"], env["TCPREMOTEIP"]) == ("TCP", "127.0.0.1")


UNMAPPED = """
import ctypes, os, sys
ready, go = os.pipe(), os.pipe()
if os.fork() == 0:
    os.read(ready[0], 1)
    for name in ("uid_map", "gid_map"):
        with open(f"/proc/{os.getppid()}/{name}", "w") as file:
            file.write("0 0 1000\\n65534 65534 1\\n")
    os.write(go[1], b"x")
    os._exit(0)
if ctypes.CDLL(None).unshare(0x10000000) != 0:
    sys.exit("no user namespace")
os.write(ready[1], b"x")
os.read(go[0], 1)
os.wait()
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""A root that can become every user but uid 1000 and up: those do not exist in its user namespace."""


def test_a_program_whose_identity_cannot_be_taken_on_is_not_run(superd: Superd) -> None:
    needs_root()
    ran, port, other = superd.folder / "ran", free_port(), free_port()
    superd.prefix = [sys.executable, "-c", UNMAPPED]
    touch = f'server = "/bin/touch"\nserver_args = ["{ran}"]\n'
    superd.service("touch", f'{touch}user = "54321"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.service("cat", f'server = "/bin/cat"\nuser = "daemon"\nlisten = ["127.0.0.1:{other}"]\n')
    superd.start()
    assert talk(port) == b""
    assert "launcher" in superd.event(event="FAIL", service="touch")["detail"]
    assert not ran.exists()
    assert talk(other, b"hi") == b"hi"


def test_a_front_that_cannot_give_up_root_serves_nothing_and_says_why(superd: Superd) -> None:
    needs_root()
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.prefix = [needs("util-linux", "setpriv"), "--bounding-set=-setuid,-setgid"]
    with pytest.raises(AssertionError, match="did not start"):
        superd.start()
    assert superd.process is not None
    assert superd.process.wait(WAIT) == 77
    superd.message("the front cannot become `uid 65533`: superd lacks CAP_SETGID and CAP_SETUID")


def test_what_a_launcher_says_is_in_the_log_in_the_logs_form(superd: Superd) -> None:
    needs_root()
    without = "--bounding-set=-sys_nice"
    superd.prefix = [needs("util-linux", "setpriv"), without, "--inh-caps=-sys_nice"]
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\nnice = -3\n')
    superd.start()
    assert talk(port, b"hi") == b"hi"
    assert superd.message("superd launcher: warning: nice -3 is not permitted")["level"] == "warning"
