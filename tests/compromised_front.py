"""superd whose first fronts are hostile: run in the place of `python -m superd`, with the attacks' names before it.

Everything else is real: the master, its launchers, the loss of root, the filter. Each front that is started plays the next
attack of the list, as the user and with the descriptors that a front has; when the list is at its end, superd's own follows.
"""

from __future__ import annotations

import array
import ctypes
import errno
import json
import mmap
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from superd.cli import main
from superd.expansion import Values
from superd.front import process
from superd.ipc import launch_codec as messages
from superd.ipc.front_orders import Begin
from superd.log.log import Log
from superd.master import back_off

SIZE = 1 << 20
"""Bytes of the notes."""
EVIL = "$(touch owned)`touch owned`;touch owned|'\"\n../../etc\x1b[2J"
"""What a shell would do something for."""


class Notes:
    """What the fronts tell the test, by name, in a file that is mapped before the first: a front can open none to write."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), SIZE)

    def read(self) -> dict[str, Any]:
        """What is written down."""
        found: dict[str, Any] = read_notes(self._memory[:])
        return found

    def write(self, name: str, value: object) -> None:
        """Write one thing down."""
        data = json.dumps({**self.read(), name: value}).encode()
        self._memory[: len(data) + 1] = data + b"\0"


def read_notes(data: bytes) -> Any:
    """Return what is written down in the bytes of a notes file."""
    return json.loads(data.partition(b"\0")[0] or b"{}")


class Hostile:
    """A front's powers, in the wrong hands."""

    def __init__(self, begin: Begin, channel: socket.socket, folder: Path, notes: Notes) -> None:
        self.channel = channel
        self.notes = notes
        self.channel.setblocking(True)
        self.order = order = begin.first
        self.folder = folder
        self.fds = [*order.sockets.values(), *order.launchers.values(), *(order.logs or {}).values()]
        self.listener = socket.socket(
            fileno=next(fd for address, fd in order.sockets.items() if order.listeners[address] == "cat")
        )
        self.launcher = socket.socket(fileno=order.launchers[order.launching.launchers_of["cat"][0]])
        self.launcher.setblocking(True)
        self.launcher.settimeout(20)

    def say(self, data: bytes, *fds: int) -> None:
        """To the master, which newer kernels keep from ever getting a descriptor."""
        try:
            socket.send_fds(self.channel, [data], list(fds))
        except PermissionError:
            self.channel.send(b"a descriptor was refused")

    def ask(self, data: bytes, *fds: int) -> None:
        """To the launcher."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.launcher.sendmsg([data], rights)

    def reports(self, wanted: type) -> list[messages.Report]:
        """What the launcher says, up to the first report of this type."""
        found: list[messages.Report] = []
        while not any(isinstance(report, wanted) for report in found):
            data, fds, _, _ = socket.recv_fds(self.launcher, messages.MAX_MESSAGE, 16)
            for fd in fds:
                os.close(fd)
            found += messages.parse_reports(data)
        return found

    def tell(self, name: str, value: object) -> None:
        """To the test."""
        self.notes.write(name, value)


Attack = tuple[Callable[[Hostile], None], str]
"""What is done, and what the log says then."""


# ---------------------------------------------------------------------------------------------------- to the master


def error_of(attempt: Callable[[], object]) -> str:
    """The errno's name, or that it went well."""
    try:
        attempt()
    except OSError as problem:
        return errno.errorcode[problem.errno or 0]
    return "done"


def refused_by_the_kernel() -> bool:
    """Whether a socket can refuse descriptors (SO_PASSRIGHTS, Linux 6.16)."""
    with socket.socket(socket.AF_UNIX) as sock:
        return error_of(lambda: sock.setsockopt(socket.SOL_SOCKET, 83, 0)) == "done"


def spoken(data: bytes | dict[str, object], *fds: int) -> Callable[[Hostile], None]:
    """Says this to the master."""
    return lambda hostile: hostile.say(data if isinstance(data, bytes) else json.dumps(data).encode(), *fds)


def flood(hostile: Hostile) -> None:
    """More than any front has to ask."""
    for _ in range(1000):
        hostile.say(b'{"word": "ready"}')


DESCRIPTOR = "message is not JSON" if refused_by_the_kernel() else "a descriptor with a request"


def lingering(hostile: Hostile) -> None:
    """Sends a TCP socket whose close would wait for a peer that reads nothing."""
    # By a listener that it has: the filter leaves it none of its own.
    hostile.listener.setblocking(True)
    ours = socket.create_connection(hostile.listener.getsockname())
    theirs, _ = hostile.listener.accept()
    ours.setblocking(False)
    try:
        while ours.send(bytes(65536)):
            pass
    except BlockingIOError:
        pass
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    hostile.say(b'{"word": "ready"}', ours.fileno())
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    os.dup2(os.open("/dev/null", os.O_RDONLY), ours.detach())
    select.select([], [], [])
    theirs.close()


TO_MASTER: dict[str, Attack] = {
    "bytes": (spoken(b"\xff\x00{"), "message is not JSON"),
    "depth": (spoken(b"[" * 4000), "message is not JSON"),
    "list": (spoken(b"[]"), "message is not an object"),
    "no word": (spoken({}), "message is not in the table"),
    "unknown word": (spoken({"word": "bind", "address": "0.0.0.0:22"}), "message is not in the table"),
    "word of another type": (spoken({"word": ["ready"]}), "message is not in the table"),
    "field too many": (spoken({"word": "ready", "number": 1}), "message is not in the table"),
    "field missing": (spoken({"word": "applied"}), "message is not in the table"),
    "text for a number": (spoken({"word": "applied", "number": "1"}), "a field has the wrong type"),
    "truth for a number": (spoken({"word": "applied", "number": True}), "a field has the wrong type"),
    "number below": (spoken({"word": "applied", "number": -1}), "a field has the wrong type"),
    "number above": (spoken({"word": "applied", "number": 1 << 31}), "a field has the wrong type"),
    "fraction": (spoken({"word": "applied", "number": 0.5}), "a field has the wrong type"),
    "number for a text": (spoken({"word": "renew", "address": 22}), "a field has the wrong type"),
    "long": (spoken(b'{"word": "ready"}' + b" " * 5000), "message is too long"),
    "huge": (spoken(b" " * 100_000), "message is too long"),
    "descriptor": (spoken({"word": "ready"}, 2), DESCRIPTOR),
    "descriptors": (spoken({"word": "ready"}, *[2] * 200), DESCRIPTOR),
    "socket that lingers": (lingering, DESCRIPTOR),
    "dump unasked": (spoken({"word": "dump", "number": 5}), "a dump that was not asked for"),
    "dump too long": (spoken({"word": "dump", "number": 1 << 30}), "a number is too large"),
    "life unasked": (spoken({"word": "alive", "number": 4711}), "a sign of life that was not asked for"),
    "flood": (flood, "too many messages"),
    "nothing": (spoken(b""), "the front ended (signal 9)"),
}


# ---------------------------------------------------------------------------------------------------- to a launcher


def record(**changed: object) -> list[object]:
    """A launch of `cat` as a front sends it, except for what is ``changed``."""
    fields: dict[str, object] = {
        "word": "L", "conn": 1, "service": "cat", "remote": "192.0.2.1", "port": 1, "local": "192.0.2.2", "own": 2, "name": "",
        "user": "", "proto": "tcp", "steps": [], "values": None,
    }  # fmt: skip
    return list((fields | changed).values())


def asked(*records: object, fds: int = 0) -> Callable[[Hostile], None]:
    """Sends the launcher these records, and so many descriptors."""
    return lambda hostile: hostile.ask(json.dumps(records).encode(), *[hostile.listener.fileno()] * fds)


def raw(data: bytes) -> Callable[[Hostile], None]:
    """Sends the launcher these bytes."""
    return lambda hostile: hostile.ask(data)


A_VALUES = ["x"] * 13
TO_LAUNCHER: dict[str, Attack] = {
    "bytes": (raw(b"\xff\x00["), "message is not JSON"),
    "depth": (raw(b"[" * 50_000), "message is not JSON"),
    "object": (raw(b"{}"), "message is not a batch"),
    "cut": (raw(b'[["L",1,"cat"'), "message is not JSON"),
    "too long": (raw(b" " * 60_001), "message is too long"),
    "too many records": (asked(*[["Q", 1]] * 513), "message is not a batch"),
    "unknown record": (asked(["X", "/bin/sh"]), "a record is not in the table"),
    "empty record": (asked([]), "a record is not in the table"),
    "command for a service": (asked(record(service=["/bin/sh", "-c", "id"]), fds=1), "a launch is wrong"),
    "field too many": (asked([*record(), "/bin/sh"], fds=1), "a launch is wrong"),
    "field missing": (asked(record()[:-1], fds=1), "a launch is wrong"),
    "truth for a number": (asked(record(conn=True), fds=1), "a launch is wrong"),
    "number below": (asked(record(conn=-1), fds=1), "a number field is wrong"),
    "port above": (asked(record(port=65536), fds=1), "a number field is wrong"),
    "NUL": (asked(record(service="cat\0"), fds=1), "a text field is wrong"),
    "long name": (asked(record(name="a" * 256), fds=1), "a text field is wrong"),
    "no address": (asked(record(remote="1;touch owned"), fds=1), "an address is wrong"),
    "address like one": (asked(record(remote="1.2.3.4.5"), fds=1), "an address is wrong"),
    "protocol": (asked(record(proto="TCP=1\n"), fds=1), "the steps or the protocol are wrong"),
    "steps": (asked(record(steps=["setenv LD_PRELOAD /tmp/x"]), fds=1), "a text field is wrong"),
    "values": (asked(record(values=["x"]), fds=1), "the values are wrong"),
    "no descriptor": (asked(record()), "descriptors and launches do not agree"),
    "a descriptor too many": (asked(record(), fds=2), "descriptors and launches do not agree"),
    "a descriptor alone": (asked(["Q", 1], fds=1), "descriptors and launches do not agree"),
    "too many descriptors": (asked(*[record()] * 40, fds=40), "message is too long"),
    "command without values": (asked(["H", 1, "0" * 16, None, 1, []]), "the command is wrong"),
    "command for ever": (asked(["H", 1, "0" * 16, A_VALUES, 1e9, []]), "the command is wrong"),
    "words for a digest": (asked(["H", 1, "touch owned; true", A_VALUES, 1, []]), "a text field is wrong"),
    "signal": (asked(["S", 1, int(signal.SIGSTOP)]), "a signal is wrong"),
    "nothing": (raw(b""), "end of file"),
}


# ---------------------------------------------------------------------------------------------------- within the tables


def bind(port: int) -> None:
    """A port of root's."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", port))


def made_by(fd: int) -> int:
    """Who made this pair of sockets, if it is one."""
    try:
        with socket.socket(fileno=os.dup(fd)) as sock:
            return int(struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])
    except OSError:
        return 0


def session(pid: int) -> int:
    """The session of a process, by proc(5): the filter has no getsid(2)."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3])


def reach(hostile: Hostile) -> None:
    """Tries what only others may, and tells how it went."""
    master = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)

    def trace() -> None:
        if libc.ptrace(16, master, 0, 0) != 0:  # PTRACE_ATTACH
            raise OSError(ctypes.get_errno(), "ptrace")

    attempts: dict[str, Callable[[], object]] = {
        "read what is root's": lambda: (hostile.folder.parent / "secret").read_bytes(),
        "write a service": lambda: (hostile.folder.parent / "services.d" / "more.toml").write_bytes(b""),
        "write a table": lambda: (hostile.folder.parent / "hosts.allow").write_bytes(b""),
        "become root": lambda: os.setresuid(0, 0, 0),
        "become a service": lambda: os.setresuid(1, 1, 1),
        "join a group": lambda: os.setgroups([0]),
        "fork": os.fork,
        "run a program": lambda: os.execv("/bin/true", ["true"]),
        "signal the master": lambda: os.kill(master, 0),
        "trace the master": trace,
        "read the master's memory": lambda: Path(f"/proc/{master}/mem").read_bytes(),
        "change root": lambda: os.chroot("/"),
        "bind port 1": lambda: bind(1),
    }
    found = {name: error_of(attempt) for name, attempt in attempts.items()}
    known = {hostile.channel.fileno(), hostile.launcher.fileno(), *hostile.fds}
    found["pairs of the master's"] = str([fd for fd in range(3, 1024) if fd not in known and made_by(fd) == master])
    found["the master's session"] = str(session(os.getpid()) == session(master))
    hostile.tell("reached", found)
    hostile.say(b"done")


def abuse(hostile: Hostile) -> None:
    """Requests that are well-formed, and what comes of them."""
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    found: dict[str, object] = {}
    for service in ("/bin/sh", "../../bin/sh", "sh", "", "cat ", EVIL):
        hostile.ask(json.dumps([record(service=service)]).encode(), theirs.fileno())
        found[service] = [report.errno for report in hostile.reports(messages.Failed) if isinstance(report, messages.Failed)]
    hostile.ask(json.dumps([record(steps=["0" * 16])]).encode(), theirs.fileno())
    found["step"] = [report.errno for report in hostile.reports(messages.Failed) if isinstance(report, messages.Failed)]
    path = os.open("/", os.O_PATH)
    hostile.ask(json.dumps([record()]).encode(), path)
    found["path"] = [report.errno for report in hostile.reports(messages.Failed) if isinstance(report, messages.Failed)]
    hostile.ask(json.dumps([["H", 7, "0" * 16, A_VALUES, 1, []], ["S", 4711, 9]]).encode())
    found["command"] = [
        report.status for report in hostile.reports(messages.CommandDone) if isinstance(report, messages.CommandDone)
    ]
    hostile.tell("answered", found)

    # A real command and a real service, and values that a shell would act on.
    digest = (hostile.folder / "digest").read_text()
    values = Values(**dict.fromkeys(messages._LETTERS, EVIL))
    hostile.ask(messages.batch([messages.encode_request(messages.RunCommand(8, digest, values, 20.0))]))
    hostile.reports(messages.CommandDone)
    hostile.ask(json.dumps([record(conn=2, service="env", name=EVIL, user=EVIL)]).encode(), theirs.fileno())
    theirs.close()
    seen = b""
    while piece := ours.recv(65536):
        seen += piece
    hostile.tell("environment", seen.decode())
    hostile.say(b"done")


def pour(hostile: Hostile) -> None:
    """Requests without end, and not one report read: a bounded number is taken."""
    hostile.launcher.settimeout(1)
    data = json.dumps([["H", 1, "0" * 16, A_VALUES, 1, []]] * 100).encode()
    sent = 0
    try:
        while sent < 10_000:
            hostile.launcher.send(data)
            sent += 1
    except TimeoutError:
        pass
    hostile.tell("poured", sent)
    hostile.say(b"done")


def serve_one(hostile: Hostile) -> None:
    """One connection as it should be; the program is to outlive every front that follows."""
    hostile.say(b'{"word": "ready"}')
    hostile.listener.setblocking(True)
    connection, _ = hostile.listener.accept()
    hostile.ask(json.dumps([record(conn=1 << 30)]).encode(), connection.fileno())
    connection.close()
    hostile.reports(messages.Started)
    hostile.say(b"done")


WITHIN: dict[str, Attack] = {
    "reach": (reach, "message is not JSON"),
    "abuse": (abuse, "message is not JSON"),
    "pour": (pour, "message is not JSON"),
    "serve one": (serve_one, "message is not JSON"),
}
ATTACKS = (
    {f"master: {name}": attack for name, attack in TO_MASTER.items()}
    | {f"launcher: {name}": attack for name, attack in TO_LAUNCHER.items()}
    | WITHIN
)


def run(names: list[str], folder: Path) -> None:
    """superd, with its fronts replaced by these one after the other."""
    real = process.run
    notes = Notes(folder / "notes")

    async def front(begin: Begin, channel: socket.socket, log: Log) -> int:
        number = int(notes.read().get("count", 0))
        if number >= len(names):
            return await real(begin, channel, log)
        notes.write("count", number + 1)
        ATTACKS[names[number]][0](Hostile(begin, channel, folder, notes))
        select.select([], [], [])  # the master's answer is SIGKILL
        return 0

    process.run = front
    back_off.FIRST = back_off.LAST = 0.0  # they come one after the other, and none is to wait
    main()


if __name__ == "__main__":
    attacks, place = sys.argv[1:3]
    del sys.argv[1:6]  # these, and the interpreter's `-m superd`
    run(json.loads(attacks), Path(place))
