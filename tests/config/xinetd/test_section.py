"""What a section keeps of its lines and of what was wrong with them."""

from __future__ import annotations

from superd.config.xinetd.lexer import Line
from superd.config.xinetd.section import Section
from superd.problem import Origin, Severity

LINE = Line("nice", "=", ("x",), Origin("xinetd.conf", 3))


def test_an_error_breaks_the_section_and_a_warning_does_not() -> None:
    section = Section()
    section.warn(LINE, "odd")
    assert not section.broken
    section.fail(LINE, "wrong", "write 5")
    assert section.broken
    assert [(one.origin, one.severity, one.hint) for one in section.problems] == [
        (LINE.origin, Severity.WARNING, ""),
        (LINE.origin, Severity.ERROR, "write 5"),
    ]


def test_sections_share_no_lines() -> None:
    first, second = Section(), Section()
    first.lines["nice"] = [LINE]
    first.fail(LINE, "wrong")
    assert (second.lines, second.problems, second.broken) == ({}, [], False)
