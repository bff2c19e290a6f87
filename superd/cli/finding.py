"""One answer of ``superd doctor`` or ``superd audit``: how bad, about what, and what to do. Only values and their text."""

from __future__ import annotations

import os
import textwrap
from enum import StrEnum
from typing import TextIO

from superd.frozen import frozen
from superd.safe_text import safe


class Level(StrEnum):
    """``BAD`` keeps something from working, ``ODD`` may do so one day, ``FINE`` is a check that passed."""

    BAD = "bad"
    ODD = "odd"
    FINE = "fine"


_SIGN = {Level.BAD: "✗", Level.ODD: "!", Level.FINE: "✓"}
_COLOUR = {Level.BAD: "31", Level.ODD: "33", Level.FINE: "32"}
ORDER = tuple(Level)


@frozen
class Finding:
    """``fix`` is what to type, or to change; empty for a check that passed."""

    level: Level
    subject: str
    text: str
    fix: str = ""

    def plain(self) -> dict[str, str]:
        """As JSON has it."""
        return {"level": self.level.value, "subject": self.subject, "text": self.text, "fix": self.fix}


def write(findings: list[Finding], out: TextIO, *, everything: bool, width: int = 80) -> None:
    """Problems first, each with what to do; what passed is one line, unless ``everything`` is wanted."""
    colour = out.isatty() and "NO_COLOR" not in os.environ
    passed = [finding for finding in findings if finding.level is Level.FINE]
    shown = sorted(
        (finding for finding in findings if everything or finding.level is not Level.FINE),
        key=lambda finding: ORDER.index(finding.level),
    )
    margin = 2 + max((len(safe(finding.subject)) for finding in shown), default=0) + 2
    margin = min(margin, 16)
    for finding in shown:
        sign = _SIGN[finding.level]
        if colour:
            sign = f"\x1b[{_COLOUR[finding.level]}m{sign}\x1b[0m"
        subject = safe(finding.subject)
        head = f"{subject:<{margin - 2}}" if len(subject) < margin - 2 else f"{subject}  "
        lines = textwrap.wrap(safe(finding.text, 2000), max(20, width - 2 - len(head)), break_on_hyphens=False) or [""]
        out.write(f"{sign} {head}{lines[0]}".rstrip() + "\n")
        out.writelines(f"{'':<{2 + len(head)}}{line}\n" for line in lines[1:])
        if finding.fix:
            out.write(f"{'':<{margin}}fix: {safe(finding.fix, 2000)}\n")
    if passed and not everything:
        more = "more " if shown else ""
        checks = "check" if len(passed) == 1 else "checks"
        out.write(f"✓ {len(passed)} {more}{checks} passed; --all lists them\n")
