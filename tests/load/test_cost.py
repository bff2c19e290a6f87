"""What a file costs grows with its length and no faster: each kind of text is read small and four times as long.

A file of 64 KiB must not hold `check` or a reload up for a second, whatever stands in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from superd.config.inetd.source import parse as parse_inetd
from superd.config.toml.service_file import make_service, parse_toml
from superd.config.xinetd.source import parse as parse_xinetd
from superd.errors import ConfigError
from superd.load.registry import load
from superd.load.sources import Sources
from superd.problem import Origin
from tests.config.golden import MemoryFiles

SMALL, TIMES = 6000, 4
STEEP = 3.0
"""How much more than four times as long four times the text may take: a square takes four times more."""
FREE = 0.05
"""Seconds of CPU without a slope."""
LEFT = "\0"
"""Stands for a number that counts up."""


def filled(unit: str, size: int, head: str = "", tail: str = "") -> str:
    parts, length, number = [head], len(head) + len(tail), 0
    while length < size:
        part = unit.replace(LEFT, str(number))
        parts.append(part)
        length += len(part)
        number += 1
    return "".join([*parts, tail])


S = 'server = "/bin/cat"\nuser = "root"\nport = 7001\n'
TOML = {
    "a dotted key": ("a.", f"{S}", "a = 1\n"),
    "a dotted key in a table's name": ("a.", f"{S}[", "a]\n"),
    "a dotted key within braces": ("a.", f"{S}x = {{", "a = 1}\n"),
    "a dotted key in quotes": ('"a".', S, "a = 1\n"),
    "a long key": ("a", S, " = 1\n"),
    "unknown keys": ("k\0 = 1\n", S, ""),
    "tables": ("[t\0]\nx = 1\n", S, ""),
    "tables of tables": ("[[t]]\n", S, ""),
    "nested lists": ("[", f"{S}x = ", ""),
    "nested tables": ("{a=", f"{S}x = ", ""),
    "networks": ('"10.1.\0.0/24",\n', f"{S}only_from = [\n", "]\n"),
    "names": ('"h\0.example",\n', f"{S}no_access = [\n", "]\n"),
    "wrong words": ('"h\0..x",\n', f"{S}no_access = [\n", "]\n"),
    "wrong flags": ('"F\0",\n', f"{S}flags = [\n", "]\n"),
    "variables": ('V\0 = "x"\n', f"{S}[env]\n", ""),
    "a text of many lines": ("x\n", f'{S}libwrap = """', '"""\n'),
    "texts of many lines": ("x\0 = '''a'''\n", S, ""),
    "arguments": ('"a",', f"{S}server_args = [", "]\n"),
    "arguments as a text": ("a b ", f'{S}server_args = "', '"\n'),
    "quotes": ("' ", f'{S}server_args = "', '"\n'),
    "addresses": ('"127.0.0.1:\0",', 'server = "/bin/cat"\nlisten = [', "]\n"),
    "blanks": (" ", f"{S}nice", "= 1\n"),
    "dots": (" . ", f"{S}a", "\n"),
    "times": ('"Mon 08:00-09:00",', f"{S}access_times = [", "]\n"),
    "look-alikes": ("\u00a0", S, "\n"),
    "comments": ("# x\n", S, ""),
}
HEAD, END = "service x\n{\n", "}\n"
ENTRY = "service s\0\n{\ntype = UNLISTED\nport = \0\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n}\n"
XINETD = {
    "services": (ENTRY, "", ""),
    "the same service": (ENTRY.replace("s\0", "s"), "", ""),
    "unknown attributes": ("k\0 = 1\n", HEAD, END),
    "networks": ("only_from += 10.1.\0.0/24\n", HEAD, END),
    "networks in one line": ("10.1.\0.0/24 ", f"{HEAD}only_from = ", f"\n{END}"),
    "words with two readings": ("10.\0 ", f"{HEAD}only_from = ", f"\n{END}"),
    "ranges": ("10.0.0.1-10.200.3.4 ", f"{HEAD}no_access = ", f"\n{END}"),
    "braces": ("{\n", "", ""),
    "closing braces": ("}\n", "", ""),
    "stray words": ("x\0\n", "", ""),
    "heads": ("service a\0\n", "", ""),
    "includes": ("include /nowhere/\0\n", "", ""),
    "continued lines": ("a \\\n", f"{HEAD}only_from = ", END),
    "one line": ("port = 1 ", "service x { ", "}\n"),
    "entries on one line": ("service x\0 { port = 1 }\n", "", ""),
    "variables": ("env += V\0=x\n", HEAD, END),
    "arguments": ("a ", f"{HEAD}server_args = ", f"\n{END}"),
    "look-alikes": ("a\u00a0= b\n", HEAD, ""),
    "letters of two alphabets": ("a\u0430", HEAD, "\n"),
    "one word of another alphabet": ("a", HEAD, "\u00e9\n"),
    "glued operators": ("a\0=b\n", HEAD, END),
    "colons": ("a\0 : b\n", HEAD, END),
    "semicolons": ("umask = \0;\n", HEAD, END),
    "signs": ("::", f"{HEAD}only_from = ", f"x\n{END}"),
    "enabled": ("enabled = s\0\n", "defaults\n{\n", END),
}
LINE = "\0 stream tcp nowait root /bin/cat cat\n"
INETD = {
    "entries": (LINE, "", ""),
    "the same entry": (LINE.replace("\0", "7"), "", ""),
    "pairs": ("\0 stream tcp nowait root /bin/cat cat\n\0 stream tcp6 nowait root /bin/cat cat\n", "", ""),
    "short lines": ("a b c\n", "", ""),
    "continued lines": (" x\n", "7 stream tcp nowait root /bin/cat cat\n", ""),
    "backslashes": ("x \\\n", "", ""),
    "continued backslashes": (" x \\\n", LINE.replace("\n", " \\\n"), ""),
    "backslashes of short lines": ("x \\\n", LINE.replace("\n", " \\\n"), ""),
    "statements": ("s\0 on exec = /bin/cat, user = root;\n", "", ""),
    "an open statement": ("a ", "ftp on args = ", ";\n"),
    "quotes in a statement": ('"a" ', "ftp on args = ", ";  \n"),
    "an open quote": ("\\a", 'ftp on args = "', "\n"),
    "hosts": ("127.0.0.\0:\n", "", ""),
    "quotes": ("'a ", "7 stream tcp nowait/1 root /bin/cat ", "\n"),
    "programs in PATH": ("\0 stream tcp nowait root prog\0 x\n", "", ""),
}


def read_toml(text: str) -> None:
    keys, places, problems = parse_toml(text.encode(), "a.toml")
    if not problems:
        make_service("a", keys, places, Origin("a.toml"))


def read_xinetd(text: str) -> None:
    parse_xinetd("conf", MemoryFiles({"conf": text.encode()}))


def read_inetd(text: str) -> None:
    parse_inetd("conf", MemoryFiles({"conf": text.encode()}))


KINDS = [
    pytest.param(read, *parts, id=f"{read.__name__}: {name}")
    for read, kinds in ((read_toml, TOML), (read_xinetd, XINETD), (read_inetd, INETD))
    for name, parts in kinds.items()
]


def seconds(read: Callable[[str], None], text: str) -> float:
    best = 60.0
    for _ in range(2):
        begun = time.process_time()
        read(text)
        best = min(best, time.process_time() - begun)
    return best


@pytest.mark.parametrize(("read", "unit", "head", "tail"), KINDS)
def test_four_times_the_text_takes_about_four_times_as_long(read: Callable[[str], None], unit: str, head: str, tail: str) -> None:
    small = seconds(read, filled(unit, SMALL, head, tail))
    large = seconds(read, filled(unit, SMALL * TIMES, head, tail))
    assert large < FREE or large < small * TIMES * STEEP


def test_a_thousand_networks_in_defaults_cost_each_service_next_to_nothing(tmp_path: Path) -> None:
    networks = " ".join(f"10.{number % 250}.{number // 250}.0/24" for number in range(1000))
    entries = filled(ENTRY, 15000).replace("port = ", "port = 7")
    conf = tmp_path / "xinetd.conf"
    conf.write_text(f"defaults\n{{\nonly_from = {networks}\n}}\n{entries}")
    begun = time.process_time()
    load(Sources(config=str(conf), hosts_allow="", hosts_deny=""))
    assert time.process_time() - begun < 1


def test_a_list_of_thousands_of_addresses_is_not_held_against_itself(tmp_path: Path) -> None:
    service = tmp_path / "a.toml"
    hosts = ", ".join(f'"127.{number // 250}.{number % 250}.1:7001"' for number in range(3000))
    service.write_text(f'server = "/bin/cat"\nuser = "root"\nlisten = [{hosts}]\n')
    begun = time.process_time()
    try:
        load(Sources(single=str(service)))
    except ConfigError as refused:
        raise AssertionError(refused.problems) from refused
    assert time.process_time() - begun < 1
