"""``sshd -i``: a session goes on while its service is changed, and when it is gone."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

from tests.clients.conf import ended, entry, serve, write
from tests.daemon_process import WAIT, Superd, free_port
from tests.needs import needs, needs_root
from tests.world import World


def test_an_ssh_session_outlives_reloads_and_the_end_of_its_service(superd: Superd, tmp_path: Path) -> None:
    needs_root()
    sshd, ssh, keygen = needs("openssh-server", "sshd"), needs("openssh-client", "ssh"), needs("openssh-client", "ssh-keygen")
    needs("util-linux", "nsenter")
    world = World(superd)
    # What its own unit makes: a folder in /run, here of this world alone.
    superd.prefix += ["sh", "-ec", 'mount -t tmpfs -o mode=755 run /run; mkdir -m 755 /run/sshd; exec "$@"', "sh"]
    user = pwd.getpwuid(os.geteuid()).pw_name
    for name in ("host", "own"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    conf = tmp_path / "sshd_config"
    conf.write_text(
        f"HostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/own.pub\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin yes\nPasswordAuthentication no\n"
    )
    (world.etc / "shadow").write_text(f"{user}:*:19000:0:99999:7:::\n")  # an account with `!` may not come in even by key
    port = free_port()
    service = entry("ssh", port, sshd, f"-i -f {conf}", user="root")
    other = entry("other", free_port(), "/bin/true")
    serve(superd, service, other)
    assert superd.process is not None
    enter = ["nsenter", "-t", str(superd.process.pid), "-n", "-m", "--wd=/", "--"]
    quiet = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-F", "/dev/null"]
    command = [*enter, ssh, *quiet, "-i", str(tmp_path / "own"), "-p", str(port), f"{user}@127.0.0.1", "cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as session:
        assert session.stdin is not None
        assert session.stdout is not None

        def echoes(line: bytes) -> bool:
            assert session.stdin is not None
            assert session.stdout is not None
            session.stdin.write(line)
            session.stdin.flush()
            return session.stdout.readline() == line

        assert echoes(b"before\n")
        write(superd, service.replace("wait = no", "wait = no\ninstances = 5"), other)
        superd.reload()
        assert echoes(b"changed\n")
        write(superd, other)
        superd.reload()
        assert echoes(b"gone\n")
        session.stdin.close()
        assert session.wait(WAIT) == 0
    ended(superd, "ssh")  # with 255, as whenever its client leaves
