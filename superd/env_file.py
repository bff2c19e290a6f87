"""Files of variables, in the syntax of systemd's EnvironmentFile: text → variables, and what is wrong with it.

Runs in: the master and the operator's commands. Reads no file. No message ever holds a value: these files hold secrets.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BLANKS = " \t\r\n"
_ENDS = "\r\n"
"""Both end a line, except between quotes: so does systemd read files of other systems."""
_ESCAPED = frozenset('"\\`$')
"""What a backslash takes its meaning from between double quotes; before another character it stays."""


def parse_env_file(text: str) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[int, str], ...]]:
    """The variables in their order, a later one with the same name instead of an earlier; and (line, what is wrong)."""
    found: dict[str, str] = {}
    wrong: list[tuple[int, str]] = []
    if "\0" in text:
        return (), ((text[: text.index("\0")].count("\n") + 1, "contains a NUL byte"),)
    reader = _Reader(text)
    while reader.skip_to_key():
        line = reader.line
        key = reader.key()
        if key is None:
            wrong.append((line, "is not NAME=value"))
            continue
        value, closed = reader.value()
        if not closed:
            wrong.append((line, f"the value of `{key[:80]}` begins with a quote that is never closed"))
        elif _NAME.fullmatch(key):
            found[key] = value
        elif key.startswith("export ") and _NAME.fullmatch(key[7:].strip()):
            wrong.append((line, f"`export` is for a shell: write `{key[7:].strip()}=` and the value"))
        else:
            wrong.append((line, "what stands before the `=` is not the name of a variable"))
    return tuple(found.items()), tuple(wrong)


class _Reader:
    """A place in the text, and its line."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.line = 1

    def _take(self) -> str:
        """The next character; ``""`` at the end."""
        if self._at >= len(self._text):
            return ""
        character = self._text[self._at]
        self._at += 1
        self.line += character == "\n"
        return character

    def skip_to_key(self) -> bool:
        """Skips blanks and comments; False at the end of the text."""
        while character := self._take():
            if character in "#;":
                while (character := self._take()) and character not in _ENDS:
                    pass
            elif character not in _BLANKS:
                self._at -= 1
                return True
        return False

    def key(self) -> str | None:
        """What stands before the `=`; None for a line without one."""
        end = self._at
        while end < len(self._text) and self._text[end] not in "=\r\n":
            end += 1
        key, self._at = self._text[self._at : end].rstrip(_BLANKS), end
        return key if self._take() == "=" else None

    def value(self) -> tuple[str, bool]:
        """The value to the end of its line, and whether its quotes are closed."""
        value = ""
        while character := self._take():
            if character in _ENDS:
                return value, True
            if character == "'":
                inner, closed = self._single()
            elif character == '"':
                inner, closed = self._double()
            elif character in _BLANKS:
                continue
            else:
                self._at -= 1
                return value + self._plain(), True
            value += inner
            if not closed:
                return value, False
        return value, True

    def _plain(self) -> str:
        found, kept = "", 0
        while (character := self._take()) and character not in _ENDS:
            if character == "\\":
                character = self._take()
                found += "" if character in _ENDS else character
                kept = len(found)
            else:
                found += character
                kept = len(found) if character not in _BLANKS else kept
        return found[:kept]

    def _single(self) -> tuple[str, bool]:
        found = ""
        while character := self._take():
            if character == "'":
                return found, True
            found += character
        return found, False

    def _double(self) -> tuple[str, bool]:
        found = ""
        while character := self._take():
            if character == '"':
                return found, True
            if character == "\\":
                character = self._take()
                found += character if character in _ESCAPED else "" if character == "\n" else f"\\{character}"
            else:
                found += character
        return found, False
