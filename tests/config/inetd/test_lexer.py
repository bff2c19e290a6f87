"""inetd.conf as lines and entries: continued, included, quoted, broken; nothing of it hides the next."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superd.config.inetd.dialects import DIALECTS, Name
from superd.config.inetd.lexer import MAX_LINE, Entry, EntryReader, _begins_entry
from superd.config.inetd.source import parse
from superd.problem import errors
from tests.config.golden import MemoryFiles

GOOD = "7099 stream tcp nowait root /bin/cat good"
LINE = "7001 stream tcp nowait root /bin/cat cat"


def entries(text: str | bytes, dialect: Name = "openbsd", **files: str) -> tuple[list[Entry], list[str]]:
    data = text if isinstance(text, bytes) else text.encode()
    reader = EntryReader(MemoryFiles({"conf": data, **{name: body.encode() for name, body in files.items()}}))
    reader.dialect = DIALECTS[dialect]
    for file, lines in reader.open("conf"):
        reader.read(file, lines)
    return reader.entries, [str(problem) for problem in reader.problems]


def services(text: str, dialect: Name = "openbsd") -> list[str]:
    foreign = parse("conf", MemoryFiles({"conf": text.encode()}), dialect)
    return [service.argv[0] for service in foreign.services if service.server]


@pytest.mark.parametrize("dialect", [name for name, dialect in DIALECTS.items() if dialect.continues])
def test_a_line_that_begins_with_a_blank_continues_the_one_before(dialect: Name) -> None:
    found, _ = entries("7001 stream tcp nowait root\n\t/bin/cat cat\n", dialect)
    assert [entry.fields.args for entry in found] == [("cat",)]


def test_quotes_are_quotes_where_the_dialect_has_them() -> None:
    line = LINE + " 'a b' \"c d\""
    assert entries(line, "freebsd")[0][0].fields.args == ("cat", "a b", "c d")
    assert entries(line, "openbsd")[0][0].fields.args == ("cat", "'a", "b'", '"c', 'd"')
    assert entries(LINE + " 'a b", "freebsd") == ([], ["conf:1: error: a quote is not closed"])


def test_an_address_alone_holds_for_what_follows_in_its_file() -> None:
    found, _ = entries(f"{LINE}\n192.0.2.1,192.0.2.2:\n{LINE}\n*:\n{LINE}\n")
    assert [entry.default_hosts for entry in found] == [(), ("192.0.2.1", "192.0.2.2"), ()]


def test_an_address_that_is_none_refuses_what_would_listen_there() -> None:
    foreign = parse("conf", MemoryFiles({"conf": f"nowhere:\n{LINE}\n*:\n{GOOD}\n".encode()}), "openbsd")
    assert [service.argv[0] for service in foreign.services] == ["good"]
    assert [problem.origin.line for problem in errors(foreign.problems)] == [1, 2]
    assert "`nowhere` is neither an address nor a name in /etc/hosts" in foreign.problems[0].message


def test_a_host_may_be_named_as_etc_hosts_names_it() -> None:
    files = {"conf": f"localhost:\n{LINE}\nbox:{LINE}\n".encode(), "/etc/hosts": b"127.0.0.1 localhost\n2001:db8::1 Box\n"}
    foreign = parse("conf", MemoryFiles(files), "openbsd")
    assert [service.listen for service in foreign.services] == [("127.0.0.1",), ("[2001:db8::1]",)]


def test_netbsd_includes_by_pattern_and_never_itself() -> None:
    found, problems = entries('.include "d*"\n.include "conf"\n.include\n', "netbsd", d1=LINE, d2=LINE)
    # MemoryFiles has no folder of its own name: a pattern needs one, and says so.
    assert found == []
    assert [problem.partition(": ")[0] for problem in problems] == ["conf:1", "conf:2", "conf:3"]
    found, problems = entries(f".include e\n{LINE}\n", "netbsd", e=f"{LINE}\n.include conf\n")
    assert [str(entry.origin) for entry in found] == ["e:1", "conf:2"]
    assert problems == ["e:2: error: `.include conf` names nothing or includes itself"]


def test_a_policy_in_force_keeps_its_lines_from_being_served_and_no_others() -> None:
    found, problems = entries(f"{LINE}\n#@ in ipsec ah/require\n{LINE}\n#@\n{LINE}\n", "freebsd")
    assert [entry.origin.line for entry in found] == [1, 5]
    assert problems == ["conf:3: error: the IPsec policy of conf:2 is not supported; the line is not served"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"7001 stream tcp nowait root /bin/cat cat\0", "a line with a NUL or CR byte"),
        (b"7001 stream tcp\rnowait root /bin/cat cat", "a line with a NUL or CR byte"),
        (b"7001 stream tcp nowait root /bin/cat " + b"x" * MAX_LINE, f"more than {MAX_LINE} bytes"),
        (b"7001 stream tcp nowait root /bin/cat \xff", "the line is not UTF-8"),
        (b"7001 stream tcp", "3 fields; at least 6"),
    ],
)
def test_a_bad_line_is_reported_with_its_number_and_the_next_is_read(line: bytes, message: str) -> None:
    found, problems = entries(b"# comment\n" + line + b"\n" + GOOD.encode())
    assert [entry.fields.args for entry in found] == [("good",)]
    (problem,) = problems
    assert problem.startswith("conf:2: error: ")
    assert message in problem


def test_many_short_lines_do_not_make_an_entry_without_end() -> None:
    found, problems = entries(LINE + "\n" + " x\n" * MAX_LINE + GOOD)
    assert [entry.fields.args for entry in found] == [("good",)]
    assert problems == [f"conf:1: error: an entry of more than {MAX_LINE} bytes"]


def test_a_byte_order_mark_cr_and_a_missing_newline_lose_no_line() -> None:
    found, problems = entries(b"\xef\xbb\xbf" + LINE.encode() + b"\r\n" + GOOD.encode())
    assert [entry.fields.args for entry in found] == [("cat",), ("good",)]
    assert [problem.partition(" ")[0] for problem in problems] == ["conf:1:"]


def test_a_folder_of_thousands_is_read_by_name_and_leftovers_are_not() -> None:
    files = {f"conf/{number:04}": f"{number + 1} stream tcp nowait root /bin/cat cat".encode() for number in range(3000)}
    left = {f"conf/{name}": GOOD.encode() for name in (".hidden", "a~", "b.dpkg-old", "c.dpkg-new")}
    foreign = parse("conf", MemoryFiles({**files, **left}), "inetutils")
    assert [service.port for service in foreign.services] == list(range(1, 3001))
    assert errors(foreign.problems) == ()


def test_a_statement_that_is_not_ended_does_not_swallow_what_follows() -> None:
    found, problems = entries(
        f"x on user = root,\n  exec = /bin/cat\n{LINE}\ny on exec = /bin/cat\nz off user = root;\n", "netbsd"
    )
    assert [str(entry.origin) for entry in found] == ["conf:3", "conf:5"]
    assert [problem.partition(" error")[0] for problem in problems] == ["conf:1:", "conf:4:"]


@settings(deadline=None)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=60)
        | st.lists(
            st.sampled_from([*LINE.split(), "off", "wait/", "unix", "tcpmux/", "rpc/tcp", ":::", "a:b", "#@", "{", '"']),
            max_size=9,
        ).map(" ".join),
        max_size=8,
    ),
    st.sampled_from(sorted(DIALECTS)),
)
def test_a_bad_entry_never_hides_the_next_one(lines: list[str], dialect: Name) -> None:
    # Except for two kinds of line that are about all that follows: a policy, and the addresses to listen on.
    kept = [line for line in lines if not line.lstrip().startswith("#@") and not line.rstrip().endswith(":")]
    text = "\n".join(kept) + f"\n{GOOD}\n"
    assert "good" in services(text, dialect) or any("7099" in line for line in lines)


def test_what_an_editor_saved_as_utf_16_is_one_error_and_a_byte_order_mark_is_warned_of() -> None:
    line = "7001 stream tcp nowait root /bin/cat cat\n"
    for data, said in ((line.encode("utf-16"), "the file is UTF-16"), (line.encode("utf-8-sig"), "byte order mark is ignored")):
        foreign = parse("conf", MemoryFiles({"conf": data}), "openbsd")
        (problem,) = foreign.problems
        assert said in problem.message
        assert bool(foreign.services) is ("mark" in said)


def test_a_line_begins_an_entry_by_its_words_and_not_after_a_blank() -> None:
    line = "7001 stream tcp nowait root /bin/cat"
    assert _begins_entry(line, line.split())
    assert not _begins_entry(f" {line}", line.split())
    assert not _begins_entry("7001", ["7001"])
    assert not _begins_entry(" 7001", ["7001"])
    assert not _begins_entry(line, line.split()[:5])


def test_an_entry_has_the_remarks_right_above_it_and_no_others() -> None:
    text = f"# of another\n\n# first\n# second\n{LINE}\n{GOOD}\n"
    assert [entry.comments for entry in entries(text)[0]] == [("first", "second"), ()]
