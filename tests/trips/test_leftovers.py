"""What a program leaves when it ends: ended with its session by default, kept and counted where the files rely on it."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port

# The program ends at once; a daemon with a session of its own stays, with the client's connection.
LEAVES = """
import os, signal, sys
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        os.write(write, b"x")
        signal.pause()
    os._exit(0)
os.read(read, 1)
"""


def leaving(superd: Superd) -> tuple[Path, str]:
    script = superd.folder / "leaves.py"
    script.write_text(LEAVES)
    return script, f'server = "{sys.executable}"\nserver_args = ["-I", "-S", "{script}"]\n'


def daemon_of(port: int) -> tuple[int, socket.socket]:
    """A pidfd of what the program left, and the client's connection."""
    client = socket.create_connection(("127.0.0.1", port), WAIT)
    return os.pidfd_open(int(client.makefile().readline())), client


def test_a_session_ends_with_all_it_started(superd: Superd) -> None:
    port = free_port()
    superd.service("leaves", leaving(superd)[1] + f'listen = ["127.0.0.1:{port}"]\n')
    superd.start()
    pidfd, client = daemon_of(port)
    with client:
        superd.event(event="exit", service="leaves")
        assert client.recv(1) == b""  # nothing of it holds the connection any more
    assert select.select([pidfd], [], [], WAIT)[0]
    os.close(pidfd)


@pytest.mark.parametrize("native", [True, False])
def test_what_is_kept_outlives_its_session_and_superd(superd: Superd, native: bool) -> None:
    script, program = leaving(superd)
    port = free_port()
    arguments: list[str] = []
    if native:
        superd.service("leaves", program + f'leftovers = "keep"\nlisten = ["127.0.0.1:{port}"]\n')
    else:
        config = superd.folder / "xinetd.conf"
        config.write_text(
            "service leaves\n{\n type = UNLISTED\n socket_type = stream\n wait = no\n user = root\n"
            f" server = {sys.executable}\n server_args = -I -S {script}\n bind = 127.0.0.1\n port = {port}\n"
            " log_on_success = PID EXIT\n}\n"
        )
        settings = superd.folder / "superd.toml"
        settings.write_text(f'xinetd = ["{config}"]\n')
        arguments = ["--config", str(settings)]
    superd.start(*arguments)
    pidfd, client = daemon_of(port)
    with client:
        assert superd.process is not None
        assert not select.select([pidfd, client.fileno()], [], [], 1.0)[0]
        superd.process.send_signal(signal.SIGTERM)
        assert superd.process.wait(WAIT) == 0
        assert not select.select([pidfd, client.fileno()], [], [], 0)[0]
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        assert client.recv(1) == b""
    os.close(pidfd)


def test_superd_s_own_end_leaves_nothing_of_a_program_that_does_not_heed_sigterm(superd: Superd) -> None:
    port = free_port()
    script, program = leaving(superd)
    script.write_text(LEAVES.replace("        print(", "        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        print("))
    superd.service("leaves", program + f'listen = ["127.0.0.1:{port}"]\n[limits]\nkill_grace = "1h"\n')
    superd.start()
    pidfd, client = daemon_of(port)
    with client:
        superd.event(event="exit", service="leaves")
        superd.stop()
        assert client.recv(1) == b""
    assert select.select([pidfd], [], [], WAIT)[0]
    os.close(pidfd)


def test_limits_of_processes_core_files_and_file_sizes_reach_the_program(superd: Superd) -> None:
    port = free_port()
    superd.service(
        "limits",
        'server = "/bin/sh"\nserver_args = ["-c", "ulimit -Hc; ulimit -Sf; ulimit -Hp"]\n'
        f'rlimit_core = 0\nrlimit_fsize = 1048576\nrlimit_nproc = 4000\nlisten = ["127.0.0.1:{port}"]\n',
    )
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as client:
        assert client.makefile().read().split() == ["0", "2048", "4000"]


@pytest.mark.parametrize("over", [True, False], ids=["its program has ended", "its program runs"])
def test_a_session_ends_with_all_it_started_though_its_launcher_died(superd: Superd, over: bool) -> None:
    port = free_port()
    script, program = leaving(superd)
    if not over:
        script.write_text(LEAVES + "sys.stdin.read()\n")
    superd.service("leaves", program + f'listen = ["127.0.0.1:{port}"]\n')
    superd.start()
    pidfd, client = daemon_of(port)
    with client:
        if over:
            superd.event(event="exit", service="leaves")  # the launcher looks at what is left 0.2 s later
        [launcher] = superd.launchers()
        os.kill(launcher, signal.SIGKILL)
        superd.message(" ended (signal 9)")
        if not over:
            client.shutdown(socket.SHUT_WR)
            superd.event(event="exit", service="leaves")
        assert client.recv(1) == b""
    assert select.select([pidfd], [], [], WAIT)[0]
    os.close(pidfd)


def test_what_is_kept_lives_on_though_its_launcher_died(superd: Superd) -> None:
    ports = [free_port(), free_port()]
    _, program = leaving(superd)
    superd.service("keeps", program + f'leftovers = "keep"\nlisten = ["127.0.0.1:{ports[0]}"]\n')
    superd.service("ends", program + f'listen = ["127.0.0.1:{ports[1]}"]\n')
    superd.start()
    (kept, other), (ended, client) = daemon_of(ports[0]), daemon_of(ports[1])
    with client, other:
        for launcher in superd.launchers():
            os.kill(launcher, signal.SIGKILL)
        superd.message(" ended (signal 9)")
        assert select.select([ended], [], [], WAIT)[0]
    assert not select.select([kept], [], [], 0)[0]
    signal.pidfd_send_signal(kept, signal.SIGKILL)
    os.close(kept)
    os.close(ended)
