"""Connections of every kind, mixed with refusals, resets, reloads, upgrades and kills of each process; what is left at the end.

The network is one of its own. A tenth of all connections warms up; what a process has then is held against the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from blame import Loss, Trouble, judge

ROOT = Path(__file__).parents[2]
SERVICES = {
    "cat": 'server = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:7001"]\ncps = [0, 0]\n',
    "group": 'server = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:7002"]\ncps = [0, 0]\nrequire = ["cgroup"]\n',
    "leaves": 'server = "/bin/sh"\nserver_args = ["-c", "setsid sleep 1000 & cat"]\nuser = "nobody"\ncps = [0, 0]\n'
    'listen = ["127.0.0.1:7003"]\n[limits]\nkill_grace = 0.2\n',
    "echo": 'type = "INTERNAL"\nservice = "echo"\nlisten = ["127.0.0.1:7004"]\ncps = [0, 0]\n',
    "redirect": 'redirect = "127.0.0.1:7004"\nlisten = ["127.0.0.1:7005"]\ncps = [0, 0]\n',
    "closed": 'server = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:7006"]\nonly_from = ["192.0.2.1"]\ncps = [0, 0]\n',
}
SERVED = (7001, 7002, 7003, 7004, 7005)
TROUBLES = ("reload", "reload", "upgrade", "front", "launcher", "relay")


class Soak:
    """The daemon, its clients and their count."""

    def __init__(self, folder: Path, total: int, minutes: float, every: int, kinds: tuple[str, ...]) -> None:
        self.services = folder / "services.d"
        self.services.mkdir()
        for name, text in SERVICES.items():
            (self.services / f"{name}.toml").write_text(text)
        folder.joinpath("superd.toml").write_text(
            f'services = "{self.services}"\n[policy]\nhosts_allow = ""\nhosts_deny = ""\n[control]\nsocket = ""\n'
        )
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        self.log = folder.joinpath("log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "superd", "run", "--config", str(folder / "superd.toml")],
            stdout=self.log, stderr=self.log, env=environ,
        )  # fmt: skip
        self.total, self.every = total, every
        self.until = time.monotonic() + 60 * minutes
        self.count, self.answered = 0, 0
        self.lost: list[Loss] = []
        self.troubles: list[Trouble] = []
        self.kinds = kinds
        self.lock = threading.Lock()
        self.chance = random.Random(1)

    def children(self, word: str) -> list[int]:
        """The daemon's processes of one kind."""
        found = []
        for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                if f"superd: {word}" in Path(f"/proc/{pid}/cmdline").read_text():
                    found.append(int(pid))
        return found

    def client(self, chance: random.Random) -> None:
        """Connect until all are done."""
        while self.count < self.total and time.monotonic() < self.until:
            with self.lock:
                self.count += 1
            port = chance.choice((*SERVED, 7006))
            began, own, how = time.time(), 0, ""
            try:
                with socket.create_connection(("127.0.0.1", port), 10) as sock:
                    own = sock.getsockname()[1]
                    sock.settimeout(10)
                    if chance.random() < 0.1:  # a reset, at any moment
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        continue
                    sock.sendall(b"hello")
                    sock.shutdown(socket.SHUT_WR)
                    answer = b"".join(iter(lambda: sock.recv(4096), b""))
                    if answer != (b"" if port == 7006 else b"hello"):
                        how = f"answer {answer!r}"
            except TimeoutError:
                how = "timeout"
            except OSError as problem:
                how = "" if port == 7006 else str(problem)
            with self.lock:
                if how:
                    self.lost.append(Loss(port, own, began, time.time(), how))
                else:
                    self.answered += 1

    def trouble(self) -> None:
        """One of what happens to a daemon in its years."""
        what = self.chance.choice(self.kinds)
        if what == "reload":
            (self.services / "cat.toml").write_text(SERVICES["cat"] + f"nice = {self.chance.randrange(5)}\n")
            self.process.send_signal(signal.SIGHUP)
        elif what == "upgrade":
            self.process.send_signal(signal.SIGUSR2)
        elif victims := self.children(what):
            with contextlib.suppress(OSError):
                os.kill(self.chance.choice(victims), signal.SIGKILL)
        self.troubles.append(Trouble(time.time(), what))

    def figures(self) -> dict[str, int]:
        """What must not grow."""
        found = {}
        for kind, pids in (("master", [self.process.pid]), ("front", self.children("front"))):
            for pid in pids[:1]:
                status = Path(f"/proc/{pid}/status").read_text()
                found[f"{kind} KiB"] = int(status.partition("VmRSS:")[2].split()[0])
                found[f"{kind} descriptors"] = len(os.listdir(f"/proc/{pid}/fd"))
        states = [_state(pid) for pid in os.listdir("/proc") if pid.isdecimal()]
        found["zombies"] = sum(state == ("Z", self.process.pid) for state in states)
        found["left programs"] = sum(_command(pid) == b"sleep\x001000\x00" for pid in os.listdir("/proc") if pid.isdecimal())
        own = f"/superd.{self.process.pid}/services/"  # os.walk: a group may go while it is looked at
        found["groups"] = sum(own in path and path.partition(own)[2].count("/") == 1 for path, _, _ in os.walk("/sys/fs/cgroup"))
        return found

    def run(self) -> dict[str, object]:
        """Return what was counted at a tenth and at the end."""
        while not _open(7001):
            time.sleep(0.1)
        clients = [threading.Thread(target=self.client, args=(random.Random(number),)) for number in range(12)]
        for thread in clients:
            thread.start()
        warm: dict[str, int] = {}
        done = 0
        while any(thread.is_alive() for thread in clients):
            time.sleep(0.05)
            if self.count // self.every > done:
                done = self.count // self.every
                self.trouble()
            if not warm and self.count >= self.total // 10:
                warm = self.figures()
            if self.process.poll() is not None:
                return {"died": self.process.returncode, "count": self.count}
        time.sleep(8)  # for graces, and for groups that were not empty
        end = self.figures()
        alive = _open(7001)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        self.log.close()
        by_cause, unexplained = judge(self.lost, self.troubles, Path(self.log.name))
        return {
            "connections": self.count, "answered": self.answered, "lost": len(self.lost), "lost by": by_cause,
            "lost for nothing": unexplained, "troubles": Counter(trouble.what for trouble in self.troubles), "serves": alive,
            "warm": warm, "end": end,
        }  # fmt: skip


def _open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _state(pid: str) -> tuple[str, int]:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", 0
    return fields[0], int(fields[1])


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=1_000_000, help="default: 1000000")
    parser.add_argument("--minutes", type=float, default=1e6, help="end after so many minutes in any case")
    parser.add_argument("--every", type=int, default=2000, help="connections between two troubles; default: 2000")
    parser.add_argument("--troubles", default=",".join(TROUBLES), help="what happens, separated by commas; default: %(default)s")
    parser.add_argument("--keep", type=Path, help="copy the log to this file")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        alone = ["unshare", "--net", "--pid", "--fork", "--mount-proc", sys.executable, __file__]
        return subprocess.call([*alone, "--inside", *sys.argv[1:]])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        soak = Soak(Path(folder), options.connections, options.minutes, options.every, tuple(options.troubles.split(",")))
        found = soak.run()
        print(json.dumps(found, indent=1))
        if options.keep:
            shutil.copy(Path(folder, "log"), options.keep)
        if "died" in found:
            print(Path(folder, "log").read_text()[-3000:])
    return 0


raise SystemExit(main())
