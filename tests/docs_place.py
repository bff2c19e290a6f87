"""Where the commands of a page are run: a folder in a network of its own, or a host with an /etc and a superd of its own."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.daemon_process import WAIT
from tests.docs_examples import HOST_PAGES, ROOT, Block, Step, blocks, file_name, plain, steps
from tests.needs import needs

FILES = ("toml", "hosts.allow", "hosts.deny", "xinetd", "inetd")
"""Tags of the blocks that are files."""


class Place:
    """A folder with the files of one page, where its commands are run; in a network of its own, so that every port is free."""

    def __init__(self, page: Path, folder: Path) -> None:
        self.page = page
        self.folder = folder
        self.folder.chmod(0o755)
        (folder / "bin").mkdir()
        self.program("superd", f'#!/bin/sh\nexec {sys.executable} -m superd "$@"\n')
        self.environ = os.environ | {"PATH": f"{folder}/bin:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        self._server: tuple[subprocess.Popen[bytes], list[str]] | None = None
        self._shown = threading.Condition()
        self.furnish()

    def furnish(self) -> None:
        """Puts the page's files where its commands look for them, and makes the network."""
        shutil.copytree(ROOT / "services.d", self.folder / "examples")
        for block in blocks(self.page):
            if block.tag in FILES:
                self.write(block)
        self.program("scripts/run", f'#!/bin/sh\nexec {sys.executable} -m superd run --services examples "$@"\n')
        self.environ |= {"SUPERD_SOCKET": str(self.folder / "control"), "STATE_DIRECTORY": str(self.folder / "state")}
        self._holder = self.hold("unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat")
        self._inside = ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]

    def program(self, name: str, text: str) -> None:
        """Puts a program on the PATH."""
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def write(self, block: Block) -> None:
        """Writes the file that a block is."""
        path = self.folder / file_name(block)
        path.parent.mkdir(exist_ok=True)
        path.write_text(block.text)

    def hold(self, *command: str) -> subprocess.Popen[bytes]:
        """Starts what keeps the namespaces, until its standard input ends."""
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"up\n"
        return holder

    def walk(self) -> None:
        """Runs every command of the page in its order, and holds what each shows against the page."""
        for block in blocks(self.page):
            if block.tag != "console":
                continue
            if not block.text.startswith("$ "):
                self.shows(block.text)  # what the server of an earlier block shows meanwhile
                continue
            for step in steps(block):
                self.run(step)

    def run(self, step: Step) -> None:
        """Runs a command and holds what it shows against the page; one that serves goes on running."""
        command = step.command.replace("scripts/run", "bin/scripts/run")
        if re.match(r"(bin/scripts/run|superd run)\b", command):
            self._serve([*self._inside, "sh", "-c", f"exec {command}"])
            self.shows(step.output)
            return
        shown = self.say(command)
        assert self.plain(shown) == self.plain(step.output), f"{step.command}\n{shown}"

    def say(self, command: str) -> str:
        """What a command shows on a terminal, as a reader has one: stderr stands where it was written."""
        ours, theirs = pty.openpty()
        with open(ours, "rb", buffering=0) as screen:
            process = subprocess.Popen(
                [*self._inside, "sh", "-c", f"cd {self.folder} && {command}"],
                env=self.environ, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
            )  # fmt: skip
            os.close(theirs)
            shown = "".join(_lines(screen))
            process.wait(WAIT)
        return shown

    def plain(self, text: str) -> str:
        """Without what no two runs have in common."""
        return plain(text, self.folder)

    def _serve(self, command: list[str]) -> None:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        seen: list[str] = []

        def watch() -> None:
            with open(ours, "rb", buffering=0) as screen:
                for line in _lines(screen):
                    with self._shown:
                        seen.append(self.plain(line))
                        self._shown.notify_all()

        self._server = process, seen
        threading.Thread(target=watch, daemon=True).start()

    def shows(self, output: str) -> None:
        """Waits until what serves has shown each of these lines, in any order."""
        assert self._server is not None
        seen = self._server[1]
        for line in self.plain(output).splitlines(keepends=True):
            with self._shown:
                assert self._shown.wait_for(lambda line=line: line in seen, WAIT), f"no line {line!r} in {seen}"  # type: ignore[misc]
                seen.remove(line)

    def close(self) -> None:
        """Ends what runs here."""
        if self._server is not None:
            self._server[0].terminate()
            self._server[0].wait(WAIT)
        self._holder.communicate(timeout=WAIT)


OWN = ("/etc", "/srv", "/var", "/usr/local", "/opt", "/root", "/home")
"""Folders that a host has for itself: what is written there goes to memory, over what the machine has."""

HOST = """
ip link set lo up
base=$1; shift
mount -t tmpfs tmpfs "$base"
for folder; do
    [ -d "$folder" ] || continue
    layer="$base$folder"
    mkdir -p "$layer/upper" "$layer/work"
    mount -t overlay overlay -o "lowerdir=$folder,upperdir=$layer/upper,workdir=$layer/work" "$folder"
done
mount -t tmpfs -o mode=755 tmpfs /run
: >/etc/hosts.allow
: >/etc/hosts.deny
rm -rf /etc/superd
mkdir -p /etc/superd/services.d /run/lock /var/lib/superd
echo up
exec cat
"""

NO_GROUPS = r"(\S+: warning: no limits by groups of processes .*\n  hint: .*\n)+\d+ warnings?\n"

SYSTEMCTL = """#!{python}
import os, signal, socket, subprocess, sys
words = [word for word in sys.argv[1:] if not word.startswith("-")]
verb, units = words[0], words[1:]
def superd():
    if not os.path.exists("/run/superd/control"):
        started(["superd", "run"], "/var/log/superd.log")
def started(command, log):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, open(log, "ab") as log:
        ready.bind("/run/ready")
        os.chmod("/run/ready", 0o777)
        ready.settimeout(20)
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
            env=os.environ | {{"NOTIFY_SOCKET": "/run/ready"}})
        while not ready.recv(4096).startswith(b"READY=1"):
            pass
        os.unlink("/run/ready")
for unit in units:
    if unit == "superd" and verb in ("enable", "start", "restart"):
        superd()
    elif unit == "superd" and verb == "reload":
        done = subprocess.run(["superd", "reload"], capture_output=True, text=True)
        sys.exit(done.stdout + done.stderr if done.returncode else 0)
    elif unit == "xinetd" and verb == "start":
        subprocess.run(["/usr/sbin/xinetd", "-stayalive", "-pidfile", "/run/xinetd.pid"], check=True)
    elif unit == "xinetd" and verb in ("stop", "disable"):
        pid = int(open("/run/xinetd.pid").read())
        waiting = os.pidfd_open(pid)
        os.kill(pid, signal.SIGTERM)
        import select
        select.select([waiting], [], [], 20)
    elif unit == "mariadb" and verb in ("start", "restart"):
        subprocess.run(["install", "-d", "-o", "mysql", "-g", "mysql", "/run/mysqld"], check=True)
        started(["mariadbd", "--user=mysql"], "/var/log/mariadb.log")
    elif unit == "mariadb" and verb == "stop":
        subprocess.run(["mariadb-admin", "shutdown"], check=True)
"""
"""What a page says to systemd, as far as the pages need it: superd, xinetd and MariaDB are started, reloaded and stopped."""


class Host(Place):
    """A page whose commands change a host: each test gets an /etc, /srv, /var and /run of its own, over those of the machine.

    ``recipe`` is the folder of the page's own files; commands run in a copy of it, as for a reader who stands in that folder.
    """

    def __init__(self, page: Path, folder: Path, recipe: Path | None = None) -> None:
        self._recipe = recipe
        super().__init__(page, folder)

    def furnish(self) -> None:
        """Copies the recipe, and makes the host."""
        if self._recipe is not None:
            shutil.copytree(self._recipe, self.folder, dirs_exist_ok=True)
        self.program("systemctl", SYSTEMCTL.format(python=sys.executable))
        layers = self.folder / "layers"
        layers.mkdir()
        for name in ("SUPERD_SOCKET", "STATE_DIRECTORY", "NOTIFY_SOCKET"):
            self.environ.pop(name, None)
        self._holder = self.hold(
            "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
            "sh", "-ec", HOST, "host", str(layers), *OWN,
        )  # fmt: skip
        inner = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()[0]
        self._inside = ["nsenter", "--target", inner, "--net", "--mount", "--pid"]

    def walk(self) -> None:
        """Writes each file and runs each command where it stands on the page."""
        for block in blocks(self.page):
            if block.tag in (*FILES, "unit"):
                self.put(file_name(block), block.text)
            elif block.tag == "console":
                for step in steps(block):
                    self.run(step)

    def plain(self, text: str) -> str:
        """Also without what this machine lacks and a reader's host has: a delegated group of cgroup v2."""
        return super().plain(re.sub(NO_GROUPS, "", text.replace("\r\n", "\n")))

    def put(self, path: str, text: str) -> None:
        """Writes a file of this host."""
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1"'
        subprocess.run([*self._inside, "sh", "-ec", script, "put", path], input=text.encode(), check=True, cwd=self.folder)

    def run(self, step: Step) -> None:
        """Runs a command; what it installs must be installed."""
        if step.command.startswith("apt install "):
            for package in step.command.split()[2:]:
                installed(package)
            return
        deadline = time.monotonic() + WAIT
        while step.command.startswith("superd logs"):  # the line of what just ended may still be on its way
            if self.plain(self.say(step.command)) == self.plain(step.output) or time.monotonic() > deadline:
                break
        super().run(step)


def installed(package: str) -> None:
    """Skips the test (fails it in strict mode) without a Debian package."""
    lists = Path("/var/lib/dpkg/info")
    needs(package, next((str(path) for path in lists.glob(f"{package}:*.list")), str(lists / f"{package}.list")))


def _lines(screen: object) -> Iterator[str]:
    """The lines of a terminal until its last user has closed it."""
    rest = b""
    while True:
        try:
            piece = screen.read(4096)  # type: ignore[attr-defined]
        except OSError:  # EIO: the last one closed it
            piece = b""
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line.decode().rstrip("\r") + "\n" for line in whole)
        if not piece:
            if rest:
                yield rest.decode()
            return


def written_anew(page: Path, folder: Path) -> str:
    """A recipe or a host's page, with what its commands show now; what differs only in what no two runs have in common stays."""
    host = Host(page, folder, page.parent if page.name == "README.md" else None)
    text = page.read_text(encoding="utf-8")
    try:
        for block in blocks(page):
            if block.tag in (*FILES, "unit"):
                host.put(file_name(block), block.text)
            elif block.tag == "console":
                fresh = ""
                for step in steps(block):
                    shown = "" if step.command.startswith("apt install ") else host.say(step.command).replace("\r\n", "\n")
                    same = host.plain(shown) == host.plain(step.output)
                    fresh += f"$ {step.command}\n{step.output if same else shown.replace(f'{folder}/', '')}"
                text = text.replace(f"```console\n{block.text}```", f"```console\n{fresh}```", 1)
    finally:
        host.close()
    return text


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:]):
        if page.resolve() not in HOST_PAGES and page.name != "README.md":
            sys.exit(f"{page}: its commands change no host; tests/test_docs.py runs them, and you edit the page")
        with tempfile.TemporaryDirectory() as scratch:
            Path(scratch).chmod(0o755)
            page.write_text(written_anew(page.resolve(), Path(scratch)), encoding="utf-8")
