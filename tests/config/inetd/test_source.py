"""inetd.conf in its dialects: golden cases and any bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superd.config.inetd.dialects import DIALECTS, Name
from superd.config.inetd.source import parse
from superd.problem import Severity
from tests.config.golden import GOLDEN, MemoryFiles, load, show

WORDS = [
    "ftp",
    "stream",
    "dgram",
    "tcp",
    "udp6",
    "tcp46",
    "nowait",
    "nowait.3",
    "wait:5",
    "nowait/1/2/3",
    "root",
    "a.b/c",
    "/bin/x",
    "internal",
    "tcpmux/+x",
    "unix",
    "rpc/udp",
    "x/1",
    "on",
    "off",
    "=",
    ",",
    ";",
    '"',
    "#@",
    "::1:ftp",
    "*:",
    "\n",
    "\n ",
]


@pytest.mark.parametrize("case", sorted((GOLDEN / "inetd").glob("*.case")), ids=lambda path: path.stem)
def test_golden_case_reads_as_written_down(case: Path) -> None:
    files, wanted = load(case)
    assert show(parse("conf", files)) == wanted


@settings(deadline=None)
@given(
    st.binary(max_size=300) | st.lists(st.sampled_from(WORDS), max_size=40).map(lambda words: " ".join(words).encode()),
    st.sampled_from(["auto", *DIALECTS]),
)
def test_any_bytes_give_an_answer_and_never_an_exception(data: bytes, dialect: Name) -> None:
    foreign = parse("conf", MemoryFiles({"conf": data}), dialect)
    assert len({service.name for service in foreign.services}) == len(foreign.services)


@pytest.mark.parametrize(("dialect", "admitted"), [("openbsd", 9), ("inetutils", 10), ("busybox", 9), ("netbsd", 10)])
def test_nowait_n_means_what_the_dialect_gives_it(dialect: Name, admitted: int) -> None:
    line = b"ftp stream tcp nowait.10 root /bin/x x\n"
    (service,) = parse("conf", MemoryFiles({"conf": line}), dialect).services
    assert service.limits.per_minute is not None
    assert service.limits.per_minute[0] == admitted


def test_a_service_without_tcpd_is_not_wrapped_where_inetd_did_not_wrap_it() -> None:
    line = b"ftp stream tcp nowait root /bin/x x\n"
    assert "NOLIBWRAP" in parse("conf", MemoryFiles({"conf": line}), "openbsd").services[0].flags
    assert "NOLIBWRAP" not in parse("conf", MemoryFiles({"conf": line}), "freebsd").services[0].flags


def test_inetutils_served_no_line_for_tcp6_after_one_for_tcp_and_that_is_said_at_it() -> None:
    text = b"7001 stream tcp nowait root /bin/cat cat\n7001 stream tcp6 nowait root /bin/cat cat\n"
    for dialect, severity in (("inetutils", Severity.WARNING), ("freebsd", None)):
        problems = parse("conf", MemoryFiles({"conf": text}), dialect).problems  # type: ignore[arg-type]
        found = [problem for problem in problems if "served nothing for this line" in problem.message]
        assert [(problem.severity, problem.origin.line) for problem in found] == ([(severity, 2)] if severity else [])
