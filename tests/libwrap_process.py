"""The installed libwrap.so.0 asked through ctypes: JSON cases in, what it did out. Knows nothing of superd.

Every case runs in a child of its own: an option may exit, exec, jump away or change the process for good, and a crash must
cost one case. A case has the fields of ``tests/libwrap_adapter.py``'s cases; ``@DIR@`` in its texts is a folder of its own.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

LIBRARY = "libwrap.so.0"
SECONDS = 10
_FILE, _DAEMON, _USER, _CLIENT_NAME, _CLIENT_ADDR, _CLIENT_SIN, _SERVER_NAME, _SERVER_ADDR, _SERVER_SIN = range(1, 10)
VARIABLES = ("FOO", "BAR")


class _Host(ctypes.Structure):
    """tcpd.h: struct host_info."""

    _fields_ = [
        ("name", ctypes.c_char * 128), ("addr", ctypes.c_char * 128), ("sin", ctypes.c_void_p), ("unit", ctypes.c_void_p),
        ("request", ctypes.c_void_p),
    ]  # fmt: skip


_Ask = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Host))


class _Request(ctypes.Structure):
    """tcpd.h: struct request_info, with room after it."""

    _fields_ = [
        ("fd", ctypes.c_int), ("user", ctypes.c_char * 128), ("daemon", ctypes.c_char * 128), ("pid", ctypes.c_char * 10),
        ("client", _Host), ("server", _Host), ("sink", ctypes.c_void_p), ("hostname", _Ask), ("hostaddr", ctypes.c_void_p),
        ("cleanup", ctypes.c_void_p), ("config", ctypes.c_void_p), ("room", ctypes.c_char * 1024),
    ]  # fmt: skip


class Libwrap:
    """One child process that forks for each case; ``ask`` is all there is to it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, case: dict[str, Any]) -> dict[str, Any]:
        """What libwrap makes of the case."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """The child ends when its input does."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(SECONDS)
        self._process.stdout.close()


def installed() -> bool:
    """Whether the library is there."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _sockaddr(port: int) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(socket.AF_INET.to_bytes(2, sys.byteorder) + port.to_bytes(2, "big") + bytes(12), 16)


def _in_child(case: dict[str, Any], folder: str, client: socket.socket, result: int) -> None:
    wrap = ctypes.CDLL(LIBRARY)
    libc = ctypes.CDLL(None)
    libc.setlogmask(1)  # nothing of this belongs in the log of the host that runs the tests
    os.umask(0o022)
    for name in VARIABLES:
        libc.unsetenv(name.encode())
    tables = []
    for table in ("allow", "deny"):
        text = case.get(table)
        path = f"{folder}/hosts.{table}"
        if text is not None:
            Path(path).write_bytes(_bytes(text.replace("@DIR@", folder)))
        tables.append(ctypes.c_char_p.in_dll(wrap, f"hosts_{table}_table"))
        tables[-1].value = path.encode()
    for name, text in case.get("files", {}).items():
        path = f"{folder}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(path).write_bytes(_bytes(text.replace("@DIR@", folder)))
    ctypes.c_int.in_dll(wrap, "resident").value = -1
    request = _Request()
    wrap.request_init(ctypes.byref(request), _FILE, client.fileno(), 0)
    fields = {
        _DAEMON: "daemon", _USER: "user", _CLIENT_NAME: "client_name", _CLIENT_ADDR: "client_addr",
        _SERVER_NAME: "server_name", _SERVER_ADDR: "server_addr",
    }  # fmt: skip
    lazy = ("client_name", "server_name") if case.get("lazy") else ()

    def look_up(host: Any) -> None:
        end = "client" if host.contents.addr == _bytes(case.get("client_addr", "")) else "server"
        host.contents.name = _bytes(case.get(f"{end}_name", ""))[:127]

    if lazy:
        request.hostname = _Ask(look_up)
    for number, key in fields.items():
        if case.get(key) and key not in lazy:
            wrap.request_set(ctypes.byref(request), number, ctypes.c_char_p(_bytes(case[key])), 0)
    kept = []
    for number, key in ((_CLIENT_SIN, "client_port"), (_SERVER_SIN, "server_port")):
        if case.get(key):
            kept.append(_sockaddr(case[key]))
            wrap.request_set(ctypes.byref(request), number, kept[-1], 0)
    admitted = wrap.hosts_access(ctypes.byref(request))
    libc.getenv.restype = ctypes.c_char_p
    mask = os.umask(0)
    found = {
        "verdict": "allow" if admitted else "deny",
        "severity": [ctypes.c_int.in_dll(wrap, f"{word}_severity").value for word in ("allow", "deny")],
        "umask": mask,
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "keepalive": client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        "linger": list(client.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)),
        "env": {
            name: value.decode("utf-8", "surrogateescape")
            for name in VARIABLES
            if (value := libc.getenv(name.encode())) is not None
        },
    }
    os.write(result, json.dumps(found).encode())


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """One case in a child."""
    with tempfile.TemporaryDirectory(prefix="libwrap.") as folder:
        os.chmod(folder, 0o755)
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                os.dup2(os.open("/dev/null", os.O_RDWR), 0)
                _in_child(case, folder, theirs, write)
                status = 0
            finally:
                os._exit(status)
        theirs.close()
        os.close(write)
        ready, _, _ = select.select([read], [], [], SECONDS)
        said = os.read(read, 65536) if ready else b""
        os.close(read)
        if not ready:
            os.kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if said:
            found: dict[str, Any] = json.loads(said)
        else:
            found = {"verdict": "timeout" if not ready else f"signal {-code}" if code < 0 else "twist or exit"}
        output = b""
        while piece := ours.recv(65536):
            output += piece
        ours.close()
        found["client_output"] = output.decode("utf-8", "surrogateescape").replace(folder, "@DIR@")
        note = Path(folder, "note")
        found["note"] = note.read_bytes().decode("utf-8", "surrogateescape") if note.exists() else ""
        return found


def main() -> None:
    """Answers until the input ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
