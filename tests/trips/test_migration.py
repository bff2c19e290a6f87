"""docs/migration-from-xinetd.md, literally: from a xinetd that runs to a superd that runs, and back. `systemctl` is played.

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

from tests.daemon_process import WAIT, talk
from tests.docs_examples import blocks, file_name
from tests.needs import needs, needs_root
from tests.xinetd_process import eventually

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/migration-from-xinetd.md"
CHANGE = "superd check && systemctl disable --now xinetd && systemctl enable --now superd"
IMPORT = "superd import xinetd /etc/xinetd.conf -o /etc/superd/services.d"

SYSTEMCTL = f"""#!{sys.executable}
import os, select, signal, socket, subprocess, sys
verb, name = sys.argv[1], sys.argv[-1]
if verb == "reload":
    sys.exit(subprocess.call(["superd", "reload"]))
if verb == "disable":
    watch = os.pidfd_open(int(open(f"/run/{{name}}.pid").read()))
    signal.pidfd_send_signal(watch, signal.SIGTERM)
    select.select([watch], [], [])
    sys.exit()
command = ["superd", "run"] if name == "superd" else ["xinetd", "-dontfork", "-f", "/etc/xinetd.conf"]
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
    path = f"/run/notify.{{os.getpid()}}"
    manager.bind(path)
    log = open(f"/run/{{name}}.log", "wb")
    env = {{**os.environ, "NOTIFY_SOCKET": path}}
    child = subprocess.Popen(command, stdout=log, stderr=log, env=env, start_new_session=True)
    open(f"/run/{{name}}.pid", "w").write(str(child.pid))
    while name == "superd" and b"READY=1" not in manager.recv(4096):
        pass
"""


def test_the_page_leads_from_a_running_xinetd_to_a_running_superd_and_back(tmp_path: Path) -> None:
    needs_root()
    needs("xinetd", "/usr/sbin/xinetd")
    page = PAGE.read_text()
    for command in (CHANGE, IMPORT):
        assert command in page.replace("\n", " ")
    etc, bin_ = tmp_path / "etc", tmp_path / "bin"
    shutil.copytree("/etc", etc, symlinks=True)
    etc.chmod(0o755)
    for name in ("hosts.allow", "hosts.deny", "xinetd.conf"):
        (etc / name).unlink(missing_ok=True)
    bin_.mkdir()
    (bin_ / "systemctl").write_text(SYSTEMCTL)
    (bin_ / "systemctl").chmod(0o755)
    (bin_ / "superd").symlink_to(Path(sys.executable).parent / "superd")
    files = {file_name(block): block.text for block in blocks(PAGE) if block.tag in ("xinetd", "toml")}
    (etc / "xinetd.conf").write_text(files["xinetd.conf"])
    (etc / "superd").mkdir(exist_ok=True)
    (etc / "superd/services.d").mkdir(exist_ok=True)
    lines = ["mount -t tmpfs -o mode=755 none /run", f"mount --bind {etc} /etc", "ip link set lo up", 'exec "$@"']
    enter = ["unshare", "-n", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-e", "-c", "\n".join(lines), "sh"]
    back = re.search(r"To go back: `([^`]+)`", page)
    assert back is not None
    env = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}:/usr/sbin", "PYTHONPATH": str(ROOT)}
    trip = [*enter, sys.executable, "-m", "tests.trips.test_migration", files["superd.toml"], back[1]]
    done = subprocess.run(trip, cwd=ROOT, env=env, timeout=6 * WAIT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _walk(main: str, back: str) -> None:
    """The trip itself, on the private host."""

    def typed(line: str) -> str:
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=WAIT, check=False)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def answers() -> bool:
        try:
            return talk(7072, b"abc") == b"ABC"
        except OSError:
            return False

    def runs(name: str) -> bool:
        pid = Path(f"/run/{name}.pid").read_text()
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()  # this host has no init that reaps

    typed("systemctl enable --now xinetd")
    eventually(answers, "xinetd's answer")
    assert "1 service, no errors" in typed("superd check /etc/xinetd.conf")
    typed("superd import xinetd /etc/xinetd.conf --dry-run")
    Path("/etc/superd/superd.toml").write_text(main)
    typed(CHANGE)
    assert answers()
    assert (runs("xinetd"), runs("superd")) == (False, True)
    typed(back)
    eventually(answers, "xinetd's answer")
    assert (runs("xinetd"), runs("superd")) == (True, False)
    typed(CHANGE)
    typed(IMPORT)
    Path("/etc/superd/superd.toml").write_text("".join(line for line in main.splitlines(True) if not line.startswith("xinetd =")))
    typed("superd check")
    typed("systemctl reload superd")
    assert answers()
    assert "shout" in typed("superd show shout")
    os.kill(int(Path("/run/superd.pid").read_text()), signal.SIGTERM)


if __name__ == "__main__":
    socket.setdefaulttimeout(WAIT)
    _walk(*sys.argv[1:])
