"""inetd.conf files → their entries, as fields. Knows files, includes, continued lines and both forms; checks no field.

A line that cannot be an entry is refused and never hides the next.

Runs in: the reading child, the operator's commands. Pure.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Mapping

from superd.config.foreign import FileReader, has_left
from superd.config.inetd.dialects import DIALECTS, Dialect
from superd.config.inetd.key_value import Statement, WrongStatement, read_statement
from superd.config.name_tables import read_table
from superd.frozen import frozen
from superd.look_alikes import UTF_16, look_alike
from superd.problem import Origin, Problem, error, warning

MAX_LINE = 16 * 1024
MAX_DEPTH = 16
_REMARK = re.compile(rb"#(?![@:<#])[ \t]*+(?=.*[a-z]{3})(?!\S+[ \t]+(?:stream|dgram|raw)\b)")
"""A comment that is for people: no entry that is switched off, and none of update-inetd's labels."""
_HEAD = 400
"""Bytes of a line that may tell the dialect."""
_SOCKET_TYPES = frozenset({"stream", "dgram", "raw", "rdm", "seqpacket"})


@frozen
class Entry:
    """One entry's fields, where it stands, and the addresses that hold for entries without their own (`addresses:` alone)."""

    fields: Statement
    origin: Origin
    default_hosts: tuple[str, ...]
    comments: tuple[str, ...] = ()


class EntryReader:
    """Collects ``entries`` and ``problems`` of a file or folder. Set ``dialect`` between ``open`` and ``read``."""

    def __init__(self, files: FileReader) -> None:
        self.files = files
        self.dialect: Dialect = DIALECTS["openbsd"]
        self.entries: list[Entry] = []
        self.problems: list[Problem] = []
        self.texts: list[str] = []
        """Every line of what was opened, comments too: they tell the dialect."""
        self._comments: dict[Origin, tuple[str, ...]] = {}
        self._ipsec: Origin | None = None
        self.names: Mapping[str, str] = {}
        """Host names and their addresses, as /etc/hosts has them."""
        self._hosts: tuple[str, ...] = ()
        self.unserved: list[tuple[str, str, Origin]] = []
        """See ``Foreign``."""

    def fail(self, origin: Origin, message: str, hint: str = "") -> None:
        """An error at a place."""
        self.problems.append(error(origin, message, hint))

    def open(self, path: str) -> list[tuple[str, list[tuple[Origin, str]]]]:
        """The files of ``path`` (itself, or those of a folder as inetutils reads one) and the lines of each."""
        self.names = read_table(self.files, "/etc/hosts", 1)
        return [(file, self._lines(file, listed=file != path)) for file in self._files(path)]

    def read(self, file: str, lines: list[tuple[Origin, str]]) -> None:
        """The entries of one file that was opened."""
        self._ipsec, self._hosts = None, ()
        self._read(file, lines, ())

    def _files(self, path: str) -> list[str]:
        try:
            names = self.files.list(path)
        except OSError:
            return [path]
        kept = [name for name in names if not name.startswith(".") and not name.endswith(("~", ".dpkg-old", ".dpkg-new"))]
        return [posixpath.join(path, name) for name in sorted(kept)]

    def _lines(self, file: str, *, listed: bool = False) -> list[tuple[Origin, str]]:
        try:
            data = self.files.read(file)
        except OSError as failed:
            if listed and isinstance(failed, FileNotFoundError) and has_left(self.files, file):
                return []
            self.fail(Origin(file), f"cannot read `{file}`: {failed.strerror or failed}")
            return []
        found: list[tuple[Origin, str]] = []
        above: list[str] = []
        if data.startswith(UTF_16):
            self.fail(Origin(file, 1), "the file is UTF-16", "save the file as UTF-8 without BOM")
            return []
        if data.startswith(b"\xef\xbb\xbf"):
            text = "byte order mark is ignored; inetd lost the first line to it"
            self.problems.append(warning(Origin(file, 1), text, "save the file as UTF-8 without BOM"))
        for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
            origin = Origin(file, number)
            raw = raw.removesuffix(b"\r")
            self.texts.append(raw[:_HEAD].decode("utf-8", "replace"))
            bare = raw.strip(b" \t")
            if not bare:
                above = []
            elif bare.startswith(b"#") and _REMARK.match(bare):
                above.append(bare[1:400].decode("utf-8", "replace").strip())
            if not bare or (bare.startswith(b"#") and not bare.startswith(b"#@")):
                continue
            self._comments[origin], above = tuple(above), []
            if len(raw) > MAX_LINE or b"\0" in raw or b"\r" in raw:
                self.fail(origin, f"a line with a NUL or CR byte or more than {MAX_LINE} bytes")
                continue
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                self.fail(origin, "the line is not UTF-8")
                continue
            strange = look_alike(text)
            if strange is None:
                found.append((origin, text))
            else:
                self.fail(origin, strange[0], f"write `{' '.join(strange[1].split())[:400]}`")
        return found

    def _read(self, file: str, lines: list[tuple[Origin, str]], chain: tuple[str, ...]) -> None:
        pieces: list[tuple[Origin, list[str]]] = []
        lines_of: list[str] = []  # of the last entry as it was meant: those too that inetd takes for another
        statement = False  # inside a key-value statement, which ends at `;` only
        for origin, text in lines:
            words = text.split()
            # A statement without its `;` would swallow all that follows: what can only be an entry of its own ends it.
            statement = statement and not _begins_entry(text, words)
            blank = text[0] in " \t" and not text.lstrip().startswith("#@")
            if statement or (blank and self.dialect.continues and pieces):
                lines_of.append(text)
                if _BACKSLASH.search(pieces[-1][1][-1]) and not statement:
                    self._backslash(pieces[-1][0], lines_of)
                pieces[-1][1].append(text)
            elif pieces and _BACKSLASH.search(lines_of[-1]) and len(words) < 6 and not words[0].endswith(":"):
                # Not an entry of its own, so it was meant to go on. The line before has the backslash as an argument.
                lines_of.append(text)
                self._backslash(pieces[-1][0], lines_of)
            else:
                pieces.append((origin, [text]))
                lines_of = [text]
                statement = len(words) > 1 and words[1] in ("on", "off") and self.dialect.name == "netbsd"
            if text.rstrip().endswith(";"):
                statement = False
        entries = [(origin, " ".join(texts)) for origin, texts in pieces]
        for origin, text in entries:
            words = text.split()
            if not words:
                continue
            if words[0].startswith("#@"):
                if self.dialect.name in ("freebsd", "netbsd"):
                    self._ipsec = origin if text.strip()[2:].strip() else None
            elif words[0] == ".include" and self.dialect.name == "netbsd":
                self._include(file, text, origin, chain)
            elif len(text) > MAX_LINE:
                self.fail(origin, f"an entry of more than {MAX_LINE} bytes")
            elif self._ipsec is not None:
                self.fail(origin, f"the IPsec policy of {self._ipsec} is not supported; the line is not served")
            elif len(words) > 1 and words[1] in ("on", "off") and self.dialect.name == "netbsd":
                self._statement(text, origin)
            else:
                self._positional(text, origin)

    def _backslash(self, begin: Origin, lines: list[str]) -> None:
        """Say that an entry was meant to go on over these lines; of an entry of many lines once."""
        meant: list[str] = []
        for line in lines[:_MOST_LINES]:
            meant += _BACKSLASH.sub("", line).split()
        what = "`\\` is an argument, as in inetd: a line that begins with a blank continues the one before"
        hint = f"write `{' '.join(meant)[:400]}` in place of these {len(lines)} lines"
        if self.problems and self.problems[-1].origin == begin and self.problems[-1].message == what:
            self.problems.pop()
        self.problems.append(warning(begin, what, hint))

    def _include(self, file: str, text: str, origin: Origin, chain: tuple[str, ...]) -> None:
        pattern = text.split(None, 1)[1].strip().strip('"') if len(text.split()) > 1 else ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), pattern))
        folder, base = posixpath.split(path)
        if not pattern or path in chain or path == posixpath.normpath(file) or len(chain) >= MAX_DEPTH:
            self.fail(origin, f"`.include {pattern}` names nothing or includes itself")
            return
        paths = [path]
        if any(sign in base for sign in "*?"):
            rule = re.compile("".join({"*": "[^/]*", "?": "[^/]"}.get(sign, re.escape(sign)) for sign in base))
            try:
                paths = [posixpath.join(folder, name) for name in sorted(self.files.list(folder)) if rule.fullmatch(name)]
            except OSError as failed:
                self.fail(origin, f"cannot read the folder `{folder}`: {failed.strerror or failed}")
                return
        for item in paths:
            if item in chain or item == posixpath.normpath(file):
                self.fail(origin, f"`{item}` includes itself")
                continue
            self._read(item, self._lines(item, listed=item != path), (*chain, posixpath.normpath(file)))

    def _statement(self, text: str, origin: Origin) -> None:
        try:
            statement = read_statement(text)
        except WrongStatement as bad:
            for message in bad.messages:
                self.fail(origin, message)
            return
        self.entries.append(Entry(statement, origin, self._hosts, self._comments.get(origin, ())))

    def _positional(self, text: str, origin: Origin) -> None:
        words = _quoted(text) if self.dialect.quotes else text.split()
        if words is None:
            self.fail(origin, "a quote is not closed")
            return
        if len(words) == 1 and words[0].endswith(":"):
            hosts = words[0][:-1]
            self._hosts = () if hosts in ("", "*") else tuple(hosts.split(","))
            wrong = next((host for host in self._hosts if not self._is_address(host)), None)
            if wrong is not None:
                # They keep it, and are refused with it: listening everywhere is not what was meant.
                self.fail(
                    origin,
                    f"`{wrong[:80]}` is neither an address nor a name in /etc/hosts; the entries after it cannot be served",
                )
            return
        if len(words) < 6:
            self.fail(origin, f"{len(words)} fields; at least 6: service type protocol wait user server", "")
            return
        fields = Statement(words[0], words[1], words[2], words[3], words[4], words[5], tuple(words[6:]))
        self.entries.append(Entry(fields, origin, self._hosts, self._comments.get(origin, ())))

    def _is_address(self, host: str) -> bool:
        try:
            ipaddress.ip_address(self.names.get(host.lower(), host).strip("[]"))
        except ValueError:
            return False
        return True


_MOST_LINES = 50
_BACKSLASH = re.compile(r"\\\s*$")


def _begins_entry(text: str, words: list[str]) -> bool:
    if text[0] in " \t" or len(words) < 2:
        return False
    return words[1] in ("on", "off") or (len(words) > 5 and re.split("[,:]", words[1])[0] in _SOCKET_TYPES)


def _quoted(text: str) -> list[str] | None:
    words = re.findall(r"(?:[^\s\"']|\"[^\"]*\"|'[^']*')+|[\"']", text)
    if any(word in ("'", '"') for word in words):
        return None
    return [re.sub(r"\"([^\"]*)\"|'([^']*)'", lambda m: m[1] if m[1] is not None else m[2], word) for word in words]
