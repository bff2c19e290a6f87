"""xinetd.conf text → entries of attribute lines. Knows blocks and resynchronises; never knows what an attribute means.

The grammar is xinetd's (parsesup.c, parse.c): line based, no quotes, comments only where ``#`` is the first character.
Where xinetd lost the rest of an entry, or the next service, to one error, the reader reads on as the text was meant: the
entry is not served, but what else is wrong in it is found in the same run. Pure; any process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from superd.counted import counted
from superd.frozen import frozen
from superd.look_alikes import UTF_16, look_alike
from superd.problem import Origin, Problem, did_you_mean, error, warning

MAX_COMMENT = 400
"""Bytes of a comment that an import keeps."""
MAX_LINE = 16 * 1024  # xinetd's own reader (sio) breaks lines there
KEYWORDS = frozenset({"service", "defaults", "include", "includedir"})
OPERATORS = ("+=", "-=", "=")
_OTHER_SIGN = re.compile(r"([A-Za-z_]\w*)\s*([+-]=(?!=)|[:=<>~-]{1,3})(.*)", re.DOTALL)
"""An attribute with its operator glued to it, or with the operator of another language."""
_FREE = frozenset({"server_args", "env"})
"""Attributes whose values are anything that a program takes."""
_ALIKE = "; and the entry has "


@frozen
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
    comments: list[str] = field(default_factory=list)


@frozen
class _Text:
    """One physical line that says something, as words, and the comments above it."""

    words: list[str]
    origin: Origin
    comments: tuple[str, ...] = ()


def _split(text: str) -> list[str]:
    return [word for word in re.split(r"[ \t]+", text) if word]


class _Reader:
    """Collects ``entries`` and ``problems``. ``current`` is the open entry, ``opened`` whether its ``{`` was read."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.problems: list[Problem] = []
        self.current: Entry | None = None
        self.opened = False
        self._said: dict[tuple[int, str], tuple[int, int]] = {}

    def fail_alike(self, origin: Origin, message: str, hint: str, fault: str) -> None:
        """Add an error that other lines of the entry may have too: one finding, which counts them."""
        key = (id(self.current), fault)
        at, count = self._said.get(key, (len(self.problems), 0))
        self._said[key] = at, count + 1
        if not count:
            self.fail(origin, message, hint)
            return
        said = self.problems[at].message.partition(_ALIKE)[0]
        self.problems[at] = replace(self.problems[at], message=f"{said}{_ALIKE}{counted(count, 'more line')} of this kind")

    def fail(self, origin: Origin, message: str, hint: str = "") -> None:
        """Add an error, and mark the open entry as broken."""
        self.problems.append(error(origin, message, hint))
        if self.current is not None:
            self.current.broken = True

    def feed(self, words: list[str], origin: Origin, following: list[str]) -> None:
        """Read one line. ``following`` are the words of the next line, which tell a closing brace from a value."""
        if self.current is None:
            self._between(words, origin, following)
        elif _begins_entry(words):
            what = "missing `}`" if self.opened else "missing `{`"
            self.fail(
                self.current.origin,
                f"{what} in `{self.current.kind} {self.current.argument}`".rstrip(),
                f"put `{what[-2]}` on a line of its own",
            )
            self.current = None
            self._between(words, origin, following)
        elif not self.opened:
            self._open(words, origin)
        elif words[0].startswith("}"):
            if words != ["}"]:
                self.fail(
                    origin,
                    f"text next to `}}`: `{' '.join(words)[:80]}`; xinetd dropped this entry and the next",
                    "put `}` on a line of its own",
                )
            self.current = None
        elif words[-1] == "}" and following != ["}"]:
            self.fail(origin, "`}` on the line of an attribute; xinetd took it for a value", "put `}` on a line of its own")
            self._attribute(words[:-1], origin)
            self.current = None
        else:
            self._attribute(words, origin)

    def _between(self, words: list[str], origin: Origin, following: list[str]) -> None:
        word = words[0].lower()
        if word not in KEYWORDS and following == ["{"] and (near := get_close_matches(word, ("service", "defaults"), 1)):
            self.current, self.opened = Entry(near[0], " ".join(words[1:2]), origin), False
            self.entries.append(self.current)
            what = f"`{words[0][:80]}` is not a keyword; xinetd skipped this entry"
            self.fail(origin, what, f"write `{' '.join([near[0], *words[1:]])[:200]}`")
            return
        if word not in KEYWORDS and word.rstrip("{") not in KEYWORDS:
            self.problems.append(
                warning(
                    origin,
                    f"`{words[0][:80]}` between entries is ignored; xinetd skipped the whole next service",
                    did_you_mean(word, KEYWORDS) or "remove the line",
                )
            )
            return
        if word in ("include", "includedir"):
            self._include(word, words, origin)
            return
        head, brace, tail = " ".join(words).partition("{")
        names = head.split()[1:]
        entry = Entry(word.rstrip("{"), names[0] if names else "", origin)
        self.entries.append(entry)
        self.current, self.opened = entry, False
        if entry.kind == "service" and not names:
            self.fail(origin, "`service` without a name", "write `service NAME`, and `{` on the next line")
        if brace:
            self.fail(
                origin,
                "`{` on the line of the keyword; xinetd skipped such an entry",
                f"write `{head.strip()}`, and `{{` on the next line"
                + (", then each attribute and `}` on a line of its own" if tail.strip() else ""),
            )
            self.opened = True
            self._one_line(tail.split(), origin)
        elif extra := names[1:] if entry.kind == "service" else names:
            self.problems.append(warning(origin, f"`{' '.join(extra)[:80]}` is ignored, as xinetd did"))

    def _include(self, word: str, words: list[str], origin: Origin) -> None:
        entry = Entry(word, words[1] if len(words) > 1 else "", origin)
        self.entries.append(entry)
        if not entry.argument:
            entry.broken = True
            self.problems.append(error(origin, f"`{word}` names nothing"))
        elif words[2:]:
            self.problems.append(warning(origin, f"`{' '.join(words[2:])[:80]}` after the path is ignored"))

    def _open(self, words: list[str], origin: Origin) -> None:
        """The line where `{` belongs. One error whatever stands there, and the entry is open after it."""
        self.opened = True
        if words == ["{"]:
            return
        if words[0].startswith("{"):
            self.fail(origin, f"text after `{{`: `{' '.join(words)[:80]}`; xinetd skipped this entry", "put `{` on its own line")
            self._one_line(" ".join(words)[1:].split(), origin)
            return
        self.fail(origin, f"`{words[0][:80]}` where `{{` belongs; xinetd skipped this entry", "put `{` on its own line")
        if words[0].startswith("}"):
            self.current = None
        else:
            self._one_line(words, origin)

    def _one_line(self, words: list[str], origin: Origin) -> None:
        """Attributes that share a line: each begins before an operator. The error was said; what they hold is checked."""
        assert self.current is not None
        closed = words[-1:] == ["}"]
        words = words[:-1] if closed else words
        starts = [at for at in range(len(words) - 1) if words[at + 1] in OPERATORS]
        for start, end in zip(starts, [*starts, len(words)][1:], strict=True):
            values = tuple(words[start + 2 : end])
            self.current.lines.append(Line(words[start].lower(), words[start + 1], values, origin))
        if closed:
            self.current = None

    def _attribute(self, words: list[str], origin: Origin) -> None:
        assert self.current is not None
        name = words[0]
        rest = words[1:]
        operator = next((sign for sign in OPERATORS if rest and rest[0].startswith(sign)), "")
        if operator and not (name.lower() not in _FREE and rest[0][len(operator) :][:1] in (*"=>:",)):
            values = _split(" ".join(rest)[len(operator) :])
            if values and values[-1].endswith(";") and name.lower() not in _FREE:
                values = [*values[:-1], *filter(None, [values[-1].rstrip(";")])]
                text = f"{name} {operator} {' '.join(values)}"[:400]
                self.fail_alike(origin, f"the `;` of `{text[:80]};` is part of the value", f"write `{text}`", ";")
            self.current.lines.append(Line(name.lower(), operator, tuple(values), origin))
        elif match := _OTHER_SIGN.match(" ".join(words)):
            name, sign, value = match.groups()
            sign = sign if sign in OPERATORS else "="
            hint = f"write `{' '.join([name, sign, value.strip()])[:400].strip()}`"
            if "=" in words[0]:
                message = f"`{words[0][:80]}` needs a blank before the operator; xinetd dropped the entry"
            else:
                message = f"`{match[2]}` in `{' '.join(words)[:80]}` is not an operator; xinetd dropped the entry"
            self.fail_alike(origin, message, hint, "=" if "=" in words[0] else match[2])
            self.current.lines.append(Line(name.lower(), sign, tuple(_split(value)), origin))
        elif not rest:
            self.fail(
                origin,
                f"nothing after `{name[:80]}`; xinetd lost the next service too",
                f"write `{name[:80]} =` and values",
            )
        else:
            message = f"no operator in `{' '.join(words)[:80]}`; xinetd dropped the entry"
            self.fail_alike(origin, message, f"write `{name[:80]} = {' '.join(rest)[:300]}`", "none")
            self.current.lines.append(Line(name.lower(), "=", tuple(rest), origin))

    def end(self) -> None:
        """The end of the file, which must not be within an entry."""
        if self.current is not None:
            what = "missing `}`" if self.opened else "missing `{`"
            self.fail(
                self.current.origin,
                f"{what} in `{self.current.kind} {self.current.argument}`".rstrip(),
                f"put `{what[-2]}` on a line of its own",
            )


def _begins_entry(words: list[str]) -> bool:
    return words[0].lower() in KEYWORDS and (len(words) == 1 or not words[1].startswith(OPERATORS))


def _texts(data: bytes, file: str, reader: _Reader) -> Iterator[_Text]:
    """The lines that say something. What is wrong with a line comes as words of its own, the first with a NUL before it."""
    returns = False
    comments: list[str] = []
    for number, raw in enumerate(data.split(b"\n"), 1):
        origin = Origin(file, number)
        if raw.endswith(b"\r"):
            raw = raw[:-1]
            if not returns:
                returns = True
                reader.problems.append(warning(origin, "CR at the end of lines is ignored; xinetd took it into the value"))
        bare = raw.strip(b" \t")
        if not bare or bare.startswith(b"#"):
            if bare.strip(b"#- \t") and len(bare) < MAX_COMMENT:
                comments.append(bare.decode("utf-8", "replace")[1:].strip())
            continue
        above, comments = tuple(comments), []
        wrong = ""
        if len(raw) > MAX_LINE:
            wrong = f"a line of {len(raw)} bytes; at most {MAX_LINE}"
        elif b"\0" in raw or b"\r" in raw:
            wrong = "a NUL or CR byte within the line"
        else:
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                wrong = "the line is not UTF-8"
        if wrong:
            yield _Text([f"\0{wrong}"], origin)
            continue
        strange = look_alike(text)
        if strange is not None:
            yield _Text([f"\0{strange[0]}", strange[1].strip()], origin)
        if words := _split(strange[1] if strange else text):
            yield _Text(words, origin, above)


def _joined(lines: list[_Text]) -> Iterator[_Text]:
    """Continued lines put together: xinetd knows none, so one is an error of its entry, but its values are read."""
    at = 0
    while at < len(lines):
        first, line, words = at, lines[at], list(lines[at].words)
        at += 1
        joined = False
        while words[-1].endswith("\\") and at < len(lines) and _continues(lines[at].words):
            last = words.pop()[:-1]
            words += [last] if last else []
            words += lines[at].words
            joined = True
            at += 1
        if joined:
            words = [word for word in words if word != "\\"]
            text = " ".join(words)
            what = "\0xinetd knows no continued lines and dropped the entry: `\\` was a value"
            yield _Text([what, text, f" in place of these {at - first} lines"], line.origin)
        yield _Text(words, line.origin, line.comments)


def _continues(words: list[str]) -> bool:
    """Whether a line after a backslash is more of the same, and no attribute of its own."""
    alone = words[0][0] in "{}\0" or _begins_entry(words)
    return not alone and not (len(words) > 1 and words[1].startswith(OPERATORS))


def split_entries(data: bytes, file: str) -> tuple[list[Entry], list[Problem]]:
    """The entries of one file in their order, the broken ones too, and every problem of its form."""
    reader = _Reader()
    if data.startswith(UTF_16):
        return [], [error(Origin(file, 1), "the file is UTF-16", "save the file as UTF-8 without BOM")]
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        reader.problems.append(warning(Origin(file, 1), "byte order mark is ignored; xinetd lost the first entry to it"))
    lines = list(_joined(list(_texts(data, file, reader))))
    for at, line in enumerate(lines):
        if line.words[0].startswith("\0"):
            hint = f"write `{line.words[1][:400]}`{''.join(line.words[2:])}" if len(line.words) > 1 else ""
            reader.fail(line.origin, line.words[0][1:], hint)
        else:
            before = reader.current
            reader.feed(line.words, line.origin, lines[at + 1].words if at + 1 < len(lines) else [])
            owner = before if before is not None and line.words[0].startswith("}") else reader.current
            if owner is not None:
                owner.comments += line.comments
    reader.end()
    return reader.entries, reader.problems
