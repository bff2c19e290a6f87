"""What a confined process can no longer do, tried in a process of its own; the filter, run line by line as the kernel does."""

from __future__ import annotations

import errno
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.system import seccomp
from tests.needs import needs

TRIES = """
import json, os, socket, sys, threading
from superd.system.seccomp import confine
if not confine():
    print(json.dumps(None))
    sys.exit()
def error_of(attempt):
    try:
        return attempt()
    except OSError as problem:
        return problem.errno
ran = []
thread = threading.Thread(target=lambda: ran.append(socket.getaddrinfo("127.0.0.1", 80)[0][4][0]))
thread.start()
thread.join()
print(json.dumps({
    "fork": error_of(os.fork),
    "exec": error_of(lambda: os.execv("/bin/true", ["true"])),
    "spawn": error_of(lambda: os.posix_spawn("/bin/true", ["true"], {})),
    "signal": error_of(lambda: os.kill(os.getppid(), 0)),
    "thread": ran,
}))
"""


def test_a_confined_process_starts_and_signals_nothing_but_has_threads() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRIES], capture_output=True, check=True, cwd=Path(__file__).parents[2], timeout=30
    )
    found = json.loads(done.stdout)
    if found is None:
        pytest.skip("a machine that has no such filters")
    assert found == dict.fromkeys(("fork", "exec", "spawn", "signal"), errno.EPERM) | {"thread": ["127.0.0.1"]}


def run(code: bytes, data: bytes) -> int:
    """The classic BPF machine, as far as seccomp filters use it."""
    lines = list(struct.iter_unpack("HBBI", code))
    position = accumulator = 0
    while True:
        kind, true, false, number = lines[position]
        position += 1
        if kind == 0x20:
            accumulator = int.from_bytes(data[number : number + 4], "little")
        elif kind == 0x06:
            return int(number)
        else:
            holds = {0x15: accumulator == number, 0x35: accumulator >= number, 0x45: bool(accumulator & number)}[kind]
            position += true if holds else false


def call(arch: int, number: int, first: int = 0) -> bytes:
    """struct seccomp_data."""
    return struct.pack("<IIQ6Q", number, arch, 0, first, *[0] * 5)


ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS


@pytest.mark.parametrize("machine", sorted(seccomp._TABLES))
@given(number=st.integers(0, 1 << 31), first=st.integers(0, (1 << 64) - 1))
def test_the_filter_refuses_exactly_its_list(machine: str, number: int, first: int) -> None:
    table = seccomp._TABLES[machine]
    arch, _, clone, denied = table
    code = seccomp.program(table)
    for candidate in (number, clone, seccomp._CLONE3, *denied, *seccomp._SAME_EVERYWHERE):
        answer = run(code, call(arch, candidate, first))
        if candidate == clone:
            assert answer == (ALLOW if first & seccomp._CLONE_THREAD else EPERM)
        elif candidate == seccomp._CLONE3:
            assert answer == ENOSYS
        else:
            refused = candidate in denied or candidate in seccomp._SAME_EVERYWHERE or candidate >= 1 << 30
            assert answer == (EPERM if refused else ALLOW)
    assert run(code, call(arch ^ 1, number, first)) == EPERM


NAMES = [
    *("execve", "execveat", "fork", "vfork", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "ptrace"),
    *("process_vm_readv", "process_vm_writev", "kcmp", "unshare", "setns", "bpf", "userfaultfd", "perf_event_open"),
    *("add_key", "request_key", "keyctl"),
]
HEADERS = {"x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "/usr/include/asm-generic/unistd.h"}


@pytest.mark.parametrize("machine", sorted(seccomp._TABLES))
def test_the_numbers_are_the_kernels(machine: str) -> None:
    header = HEADERS[machine if os.uname().machine == "x86_64" else "aarch64"]
    machine = machine if header == HEADERS[machine] else "aarch64"  # x86's own header is on x86 only
    text = Path(needs("linux-libc-dev", header)).read_text()
    numbers = {name: int(number) for name, number in re.findall(r"__NR_(\w+) (\d+)$", text, re.MULTILINE)}
    _, own, clone, denied = seccomp._TABLES[machine]
    assert denied == tuple(numbers[name] for name in NAMES if machine == "x86_64" or name not in ("fork", "vfork"))
    assert (own, clone, seccomp._CLONE3) == (numbers["seccomp"], numbers["clone"], numbers["clone3"])
    others = ("io_uring_setup", "pidfd_send_signal", "pidfd_getfd", "process_madvise", "process_mrelease")
    assert tuple(numbers[name] for name in others) == seccomp._SAME_EVERYWHERE
