"""The pages of migration, literally: from a xinetd or inetd that runs to a superd that runs, and back. `systemctl` is played.

Each command is taken from the page. The host is a private one: namespaces of its own, /etc and /run too.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.daemon_process import WAIT, talk
from tests.docs_examples import blocks, file_name
from tests.needs import needs, needs_root
from tests.xinetd_process import eventually

ROOT = Path(__file__).parents[2]


class Old(NamedTuple):
    """The daemon that superd takes the place of."""

    name: str
    """Its unit's name, and that of its key in superd.toml."""
    conf: str
    command: tuple[str, ...]
    """What starts it in the foreground; the program stands in an unpacked package if it has no path."""
    port: int
    """Where the page's service listens."""
    service: str

    @property
    def page(self) -> Path:
        """The page that says how to leave it."""
        return ROOT / f"docs/migration-from-{self.name}.md"

    @property
    def change(self) -> str:
        """The page's command that changes over."""
        return f"superd check && systemctl disable --now {self.name} && systemctl enable --now superd"

    @property
    def dry(self) -> str:
        """The page's command that writes nothing."""
        return f"superd import {self.name} {self.conf} --dry-run"

    @property
    def kept(self) -> str:
        """The page's command that writes superd's own files on the host."""
        return f"superd import {self.name} /etc/{self.conf} -o /etc/superd/services.d"


XINETD = Old("xinetd", "xinetd.conf", ("/usr/sbin/xinetd", "-dontfork", "-f", "/etc/xinetd.conf"), 7072, "shout")
INETD = Old("inetd", "inetd.conf", ("openbsd-inetd/usr/sbin/inetd", "-i", "/etc/inetd.conf"), 7073, "7073")

SYSTEMCTL = f"""#!{sys.executable}
import os, select, signal, socket, subprocess, sys
verb, name = sys.argv[1], sys.argv[-1]
if verb == "reload":
    sys.exit(subprocess.call(["superd", "reload"]))
if verb == "disable":
    watch = os.pidfd_open(int(open(f"/run/{{name}}.played").read()))
    signal.pidfd_send_signal(watch, signal.SIGTERM)
    select.select([watch], [], [])
    sys.exit()
command = ["superd", "run"] if name == "superd" else os.environ["OLD"].split()
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
    path = f"/run/notify.{{os.getpid()}}"
    manager.bind(path)
    log = open(f"/run/{{name}}.log", "wb")
    env = {{**os.environ, "NOTIFY_SOCKET": path}}
    child = subprocess.Popen(command, stdout=log, stderr=log, env=env, start_new_session=True)
    open(f"/run/{{name}}.played", "w").write(str(child.pid))
    while name == "superd" and b"READY=1" not in manager.recv(4096):
        pass
"""


@pytest.mark.parametrize("old", [XINETD, INETD], ids=lambda old: old.name)
def test_the_page_leads_from_a_running_daemon_to_a_running_superd_and_back(old: Old, tmp_path: Path) -> None:
    needs_root()
    program, *arguments = old.command
    program = needs(program.split("/")[0] or "xinetd", program if program.startswith("/") else str(ROOT / ".peers" / program))
    page = old.page.read_text()
    for command in (old.change, old.dry, old.kept):
        assert command in page.replace("\n", " ")
    etc, bin_ = tmp_path / "etc", tmp_path / "bin"
    shutil.copytree("/etc", etc, symlinks=True)
    etc.chmod(0o755)
    for name in ("hosts.allow", "hosts.deny", old.conf):
        (etc / name).unlink(missing_ok=True)
    bin_.mkdir()
    (bin_ / "systemctl").write_text(SYSTEMCTL)
    (bin_ / "systemctl").chmod(0o755)
    (bin_ / "superd").symlink_to(Path(sys.executable).parent / "superd")
    files = {file_name(block): block.text for block in blocks(old.page) if block.tag in (old.name, "toml")}
    (etc / old.conf).write_text(files[old.conf])
    (etc / "superd").mkdir(exist_ok=True)
    (etc / "superd/services.d").mkdir(exist_ok=True)
    lines = ["mount -t tmpfs -o mode=755 none /run", f"mount --bind {etc} /etc", "ip link set lo up", 'exec "$@"']
    enter = ["unshare", "-n", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-e", "-c", "\n".join(lines), "sh"]
    back = re.search(r"To go back: `([^`]+)`", page)
    assert back is not None
    path = f"{bin_}:{os.environ['PATH']}:/usr/sbin"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "OLD": " ".join([program, *arguments])}
    trip = [*enter, sys.executable, "-m", "tests.trips.test_migration", old.name, files["superd.toml"], back[1]]
    done = subprocess.run(trip, cwd=ROOT, env=env, timeout=6 * WAIT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _walk(name: str, main: str, back: str) -> None:
    """The trip itself, on the private host."""
    old = next(old for old in (XINETD, INETD) if old.name == name)

    def typed(line: str) -> str:
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=WAIT, check=False, cwd="/etc")
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def answers() -> bool:
        try:
            return talk(old.port, b"abc") == b"ABC"
        except OSError:
            return False

    def runs(name: str) -> bool:
        pid = Path(f"/run/{name}.played").read_text()
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()  # this host has no init that reaps

    typed(f"systemctl enable --now {old.name}")
    eventually(answers, f"{old.name}'s answer")
    assert "1 service, no errors" in typed(f"superd check /etc/{old.conf}")
    typed(old.dry)
    Path("/etc/superd/superd.toml").write_text(main)
    typed(old.change)
    assert answers()
    assert (runs(old.name), runs("superd")) == (False, True)
    typed(back)
    eventually(answers, f"{old.name}'s answer")
    assert (runs(old.name), runs("superd")) == (True, False)
    typed(old.change)
    typed(old.kept)
    rest = [line for line in main.splitlines(True) if not re.match(rf"{old.name}\w* *=", line)]
    Path("/etc/superd/superd.toml").write_text("".join(rest))
    typed("superd check")
    typed("systemctl reload superd")
    assert answers()
    assert old.service in typed(f"superd show {old.service}")
    os.kill(int(Path("/run/superd.played").read_text()), signal.SIGTERM)


if __name__ == "__main__":
    socket.setdefaulttimeout(WAIT)
    _walk(*sys.argv[1:])
