"""xinetd.conf as a whole: golden cases, any bytes, and the files of the installed package."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superd.cli.importer import Disk
from superd.config.xinetd.source import parse
from superd.problem import Severity, errors
from tests.config.golden import GOLDEN, MemoryFiles, load, show
from tests.needs import needs

PIECES = [
    "service a",
    "defaults",
    "{",
    "}",
    "include conf",
    "includedir d",
    "wait = no",
    "disable = no",
    "only_from += ::1",
    "no_access -= 10.0",
    "instances=3",
    "cps = 5",
    "type = INTERNAL",
    "flags = SENSOR",
    "port = 7",
    "bare",
    "socket_type = dgram",
    "server = /bin/true",
    "user = root",
    "only_from = 1.{300}",
    "\0",
    "\r",
    "#",
    "id = \ud7ff",
]


@pytest.mark.parametrize("case", sorted((GOLDEN / "xinetd").glob("*.case")), ids=lambda path: path.stem)
def test_golden_case_reads_as_written_down(case: Path) -> None:
    files, wanted = load(case)
    assert show(parse("conf", files)) == wanted


@settings(deadline=None)
@given(st.binary(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=40).map(lambda p: "\n".join(p).encode()))
def test_any_bytes_give_an_answer_and_never_an_exception(data: bytes) -> None:
    foreign = parse("conf", MemoryFiles({"conf": data, "d/x": data}))
    assert all(problem.origin.file for problem in foreign.problems)
    assert len({service.name for service in foreign.services}) == len(foreign.services)


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES[6:]), max_size=12).map("\n".join))
def test_a_bad_entry_never_hides_the_next_one(body: str) -> None:
    if "}" in body:
        return
    good = "service good\n{\ntype = INTERNAL UNLISTED\nsocket_type = stream\nwait = no\nport = 9\nid = good\n}\n"
    good = good.replace("service good", "service echo")
    foreign = parse("conf", MemoryFiles({"conf": f"service bad\n{{\n{body}\n{good}".encode()}))
    assert "good" in [service.name for service in foreign.services]


def test_a_typo_in_defaults_keeps_its_heirs_from_running_and_is_said_once() -> None:
    entry = "service echo\n{\ntype = INTERNAL UNLISTED\nsocket_type = stream\nwait = no\nid = %s\nport = %d\n%s}\n"
    text = "defaults\n{\ninstances = many\n}\n"
    text += entry % ("a", 1, "") + entry % ("b", 2, "") + entry % ("c", 3, "instances = 4\n")
    foreign = parse("conf", MemoryFiles({"conf": text.encode()}))
    assert [service.name for service in foreign.services] == ["c"]
    assert [problem.origin.line for problem in errors(foreign.problems)] == [3]


def test_a_syntax_error_in_defaults_serves_nothing() -> None:
    entry = "service echo\n{\ntype = INTERNAL\nsocket_type = stream\nwait = no\n}\n"
    foreign = parse("conf", MemoryFiles({"conf": f"defaults\n{{\ninstances=3\nonly_from = ::1\n}}\n{entry}".encode()}))
    assert foreign.services == ()
    assert errors(foreign.problems)


def test_crlf_bom_and_a_missing_newline_are_read_with_a_warning() -> None:
    text = "service echo\n{\ntype = INTERNAL\nsocket_type = stream\nwait = no\n}".replace("\n", "\r\n")
    foreign = parse("conf", MemoryFiles({"conf": b"\xef\xbb\xbf" + text.encode()}))
    assert [service.name for service in foreign.services] == ["echo"]
    assert {problem.severity for problem in foreign.problems} == {Severity.WARNING}


def test_a_line_of_more_than_16_kib_is_refused_with_its_entry() -> None:
    text = "service echo\n{\ntype = INTERNAL\nsocket_type = stream\nwait = no\nenv = A=" + "x" * 17000 + "\n}\n"
    foreign = parse("conf", MemoryFiles({"conf": text.encode()}))
    assert foreign.services == ()
    assert errors(foreign.problems)[0].origin.line == 6


def test_thousands_of_files_are_read() -> None:
    entry = "service echo\n{\ntype = INTERNAL UNLISTED\nsocket_type = stream\nwait = no\nport = %d\nid = e%d\n}\n"
    files = {f"d/e{n:04}": (entry % (n + 1, n)).encode() for n in range(2000)}
    foreign = parse("conf", MemoryFiles({"conf": b"includedir d\n", **files}))
    assert len(foreign.services) == 2000


def test_the_installed_packages_own_files_read_without_an_error() -> None:
    needs("xinetd", "/etc/xinetd.conf")
    assert errors(parse("/etc/xinetd.conf", Disk()).problems) == ()


@pytest.mark.parametrize(("most", "wrong"), [(3, []), (2, ["more than 2 files"]), (1, ["more than 1 files"])])
def test_so_many_files_are_read_and_no_more(monkeypatch: pytest.MonkeyPatch, most: int, wrong: list[str]) -> None:
    monkeypatch.setattr("superd.config.xinetd.source.MAX_FILES", most)
    files = MemoryFiles({"conf": b"include /a\ninclude /b\n", "/a": b"", "/b": b""})
    assert [problem.message for problem in errors(parse("conf", files).problems)] == wrong


def test_a_sensor_without_a_type_or_a_server_is_said_to_lack_one() -> None:
    files = MemoryFiles({"conf": b"service a\n{\nflags = SENSOR\nsocket_type = stream\nwait = no\nuser = nobody\nport = 7\n}\n"})
    found = parse("conf", files)
    assert [problem.message for problem in errors(found.problems)] == [
        "service `a` has no `server` or `type = INTERNAL`; xinetd disabled it"
    ]
    assert found.services == ()
