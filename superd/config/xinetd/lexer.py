"""xinetd.conf text → entries of attribute lines. Knows blocks and resynchronises; never knows what an attribute means.

The grammar is xinetd's (parsesup.c, parse.c): line based, no quotes, comments only where ``#`` is the first character.
Where xinetd lost the next service to an error in this one, the reader goes on at the next keyword instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from superd.problem import Origin, Problem, did_you_mean, error, warning

MAX_LINE = 16 * 1024  # xinetd's own reader (sio) breaks lines there
KEYWORDS = frozenset({"service", "defaults", "include", "includedir"})
OPERATORS = ("+=", "-=", "=")


@dataclass(frozen=True, slots=True)
class Line:
    """One attribute line: ``name`` in lower case, ``operator`` one of ``=``, ``+=``, ``-=``."""

    name: str
    operator: str
    values: tuple[str, ...]
    origin: Origin


@dataclass(slots=True)
class Entry:
    """One section. ``kind`` is a word of ``KEYWORDS``; ``argument`` its name or path.

    ``broken`` is set by an error inside: such an entry is never served (xinetd started some of them half configured).
    """

    kind: str
    argument: str
    origin: Origin
    lines: list[Line] = field(default_factory=list)
    broken: bool = False


def _split(text: str) -> list[str]:
    return [word for word in re.split(r"[ \t]+", text) if word]


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.entries: list[Entry] = []
        self.problems: list[Problem] = []
        self.current: Entry | None = None
        self.opened = False

    def fail(self, origin: Origin, message: str, hint: str = "") -> None:
        self.problems.append(error(origin, message, hint))
        if self.current is not None:
            self.current.broken = True

    def feed(self, text: str, origin: Origin) -> None:
        words = _split(text)
        if self.current is None:
            self._between(words, origin)
        elif _begins_entry(words):
            what = "missing `}`" if self.opened else "missing `{`"
            self.fail(self.current.origin, f"{what} in `{self.current.kind} {self.current.argument}`".rstrip())
            self.current = None
            self._between(words, origin)
        elif not self.opened:
            self._open(words, origin)
        elif words[0].startswith("}"):
            if words != ["}"]:
                self.fail(
                    origin,
                    f"text beside `}}`: `{' '.join(words)[:80]}`; xinetd dropped this entry and the next",
                    "put `}` on a line of its own",
                )
            self.current = None
        else:
            self._attribute(words, text, origin)

    def _between(self, words: list[str], origin: Origin) -> None:
        word = words[0].lower()
        if word not in KEYWORDS:
            self.problems.append(
                warning(
                    origin,
                    f"`{words[0][:80]}` between entries is ignored; xinetd skipped the whole next service",
                    did_you_mean(word, KEYWORDS) or "remove the line",
                )
            )
            return
        argument = words[1] if len(words) > 1 else ""
        entry = Entry(word, argument, origin)
        self.entries.append(entry)
        extra = words[1:] if word == "defaults" else words[2:]
        if word in ("include", "includedir"):
            if not argument:
                entry.broken = True
                self.problems.append(error(origin, f"`{word}` names nothing"))
            elif extra:
                self.problems.append(warning(origin, f"`{' '.join(extra)[:80]}` after the path is ignored"))
            return
        self.current, self.opened = entry, False
        if word == "service" and (not argument or argument == "{"):
            self.fail(origin, "`service` without a name")
        if "{" in words[1:]:
            self.fail(origin, "`{` on the line of the keyword; xinetd skipped such an entry", "put `{` on its own line")
            self.opened = True
        elif extra:
            self.problems.append(warning(origin, f"`{' '.join(extra)[:80]}` is ignored, as xinetd did"))

    def _open(self, words: list[str], origin: Origin) -> None:
        if words == ["{"]:
            self.opened = True
            return
        assert self.current is not None
        self.fail(origin, f"`{words[0][:80]}` where `{{` belongs; xinetd skipped this entry", "put `{` on its own line")
        if words[0].startswith("{"):
            self.opened = True
        elif words[-1] == "}":
            self.current = None

    def _attribute(self, words: list[str], text: str, origin: Origin) -> None:
        assert self.current is not None
        name = words[0]
        rest = text.strip(" \t")[len(name) :].lstrip(" \t")
        operator = next((sign for sign in OPERATORS if rest.startswith(sign)), "")
        if operator:
            self.current.lines.append(Line(name.lower(), operator, tuple(_split(rest[len(operator) :])), origin))
        elif "=" in name:
            self.fail(
                origin,
                f"`{name[:80]}` needs a blank before the operator; xinetd dropped the entry",
                "write `name = value`",
            )
        elif not rest:
            self.fail(
                origin,
                f"nothing after `{name[:80]}`; xinetd lost the next service too",
                f"write `{name[:80]} =` and values",
            )
        else:
            self.fail(origin, f"bad operator in `{' '.join(words)[:80]}`", "use =, += or -=")

    def end(self) -> None:
        if self.current is not None:
            self.fail(self.current.origin, f"missing `}}` in `{self.current.kind} {self.current.argument}`".rstrip())


def _begins_entry(words: list[str]) -> bool:
    return words[0].lower() in KEYWORDS and (len(words) == 1 or not words[1].startswith(OPERATORS))


def split_entries(data: bytes, file: str) -> tuple[list[Entry], list[Problem]]:
    """The entries of one file in their order, the broken ones too, and every problem of its form."""
    reader = _Reader(file)
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        reader.problems.append(warning(Origin(file, 1), "byte order mark is ignored; xinetd lost the first entry to it"))
    returns = False
    for number, raw in enumerate(data.split(b"\n"), 1):
        origin = Origin(file, number)
        if raw.endswith(b"\r"):
            raw = raw[:-1]
            if not returns:
                returns = True
                reader.problems.append(warning(origin, "CR at the end of lines is ignored; xinetd took it into the value"))
        if not raw.strip(b" \t") or raw.lstrip(b" \t").startswith(b"#"):
            continue
        if len(raw) > MAX_LINE:
            reader.fail(origin, f"a line of {len(raw)} bytes; at most {MAX_LINE}")
            continue
        if b"\0" in raw or b"\r" in raw:
            reader.fail(origin, "a NUL or CR byte within the line")
            continue
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            reader.fail(origin, "the line is not UTF-8")
            continue
        reader.feed(text, origin)
    reader.end()
    return reader.entries, reader.problems
