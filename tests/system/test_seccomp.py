"""A filter is put on a process for good; the machine that runs filters, line by line as the kernel does."""

from __future__ import annotations

import errno
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from superd.system import seccomp
from tests.needs import needs

PUT_ON = """
import os, struct
from superd.system.seccomp import install
# load nr; getppid (x86-64 110, aarch64 173) fails with EPERM, all else goes
code = b"".join(struct.pack("HBBI", *line) for line in (
    (0x20, 0, 0, 0), (0x15, 1, 0, 110 if os.uname().machine == "x86_64" else 173), (6, 0, 0, 0x7FFF0000), (6, 0, 0, 0x50001)))
print(install(None), install(code), open("/proc/self/status").read().split("NoNewPrivs:")[1].split()[0])
print(os.getppid())
"""


def test_a_filter_holds_for_the_process_that_has_it() -> None:
    if os.uname().machine not in seccomp.SECCOMP:
        pytest.skip("a machine that has no such filters")
    command = [sys.executable, "-c", PUT_ON]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2], timeout=30)
    assert done.stdout.split() == ["False", "True", "1", "-1"]


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


HEADERS = {"x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "/usr/include/asm-generic/unistd.h"}


@pytest.mark.parametrize("machine", sorted(seccomp.SECCOMP))
def test_its_own_number_is_the_kernels(machine: str) -> None:
    text = Path(needs("linux-libc-dev", HEADERS[machine])).read_text()
    assert re.findall(r"__NR_seccomp (\d+)$", text, re.MULTILINE) == [str(seccomp.SECCOMP[machine])]
