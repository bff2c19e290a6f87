"""The filter of what is allowed, run here as the kernel runs it; its numbers are held against the kernel's headers."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.front import confinement as front
from superd.relay import confinement as relay
from superd.system import allow_list
from tests.needs import needs
from tests.system.test_seccomp import ALLOW, ENOSYS, EPERM, HEADERS, run

MACHINES = sorted(allow_list._MACHINES)


def call(arch: int, number: int, arguments: tuple[int, int, int]) -> bytes:
    return struct.pack("<IIQ6Q", number, arch, 0, *arguments, 0, 0, 0)


@pytest.mark.parametrize("who", [front, relay], ids=["front", "relay"])
@pytest.mark.parametrize("machine", MACHINES)
@given(
    number=st.one_of(st.integers(0, 500), st.integers(0, (1 << 32) - 1)),
    arguments=st.tuples(
        *[st.one_of(st.integers(0, 16), st.sampled_from([1031, 1032, 0x5401, 0x5412, 0x8901, 0x8905, 0x5421, 1 << 16]))] * 3
    ),
)
def test_only_what_is_listed_is_allowed(machine: str, who: ModuleType, number: int, arguments: tuple[int, int, int]) -> None:
    column, arch = allow_list._MACHINES[machine]
    executable = who is front
    code = allow_list.program(who.CALLS, who.ARGUMENTS, column, arch, executable=executable)
    assert len(code) // 8 <= 4096  # BPF_MAXINSNS
    listed = {allow_list.NUMBERS[name][column]: name for name in who.CALLS if allow_list.NUMBERS[name][column] >= 0}
    for candidate in (number, *listed, allow_list.NUMBERS["clone3"][column]):
        name = listed.get(candidate, "")
        expected = ALLOW if name else EPERM
        if name in who.ARGUMENTS:
            index, values = who.ARGUMENTS[name]
            expected = ALLOW if arguments[index] in values else EPERM
        elif name in ("mmap", "mprotect") and not executable:
            expected = EPERM if arguments[2] & 4 else ALLOW
        elif name == "clone":
            expected = ALLOW if arguments[0] & 1 << 16 else EPERM
        elif not name and (candidate == allow_list.NUMBERS["clone3"][column] or allow_list.NEWEST < candidate < 1 << 30):
            expected = ENOSYS
        elif candidate >= 1 << 30:
            expected = EPERM
        assert run(code, call(arch, candidate, arguments)) == expected, name
        assert run(code, call(arch ^ 1, candidate, arguments)) == EPERM
        assert run(code, call(arch, candidate | 1 << 30, arguments)) == EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_the_kernels(machine: str) -> None:
    text = Path(needs("linux-libc-dev", HEADERS[machine])).read_text()
    numbers = {name: int(number) for name, number in re.findall(r"__NR_(\w+) (\d+)$", text, re.MULTILINE)}
    numbers |= {name: int(number) for name, number in re.findall(r"__NR3264_(\w+) (\d+)$", text, re.MULTILINE)}
    numbers["newfstatat"] = numbers.get("newfstatat", numbers.get("fstatat", -1))
    column = allow_list._MACHINES[machine][0]
    assert {name: pair[column] for name, pair in allow_list.NUMBERS.items()} == {
        name: numbers.get(name, -1) for name in allow_list.NUMBERS
    }
