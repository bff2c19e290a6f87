"""hosts.allow and hosts.deny at the speed that long lists need: plain rules are packed, the rest goes to the parser.

Runs in: every process that reads the tables. What a rule means is the parser's (``tables.py``): a property test holds the
two to the same rules.
Never: opens a file.
"""

from __future__ import annotations

import re
from array import array

from superd.config.hosts.tables import parse
from superd.problem import Problem
from superd.rule import Table
from superd.rule_block import COMPLEX, Block, Kind, Piece, Rules, name_key

_PLAIN = re.compile(
    rb"^([A-Za-z][\w.-]*)[ \t]*:[ \t]*([\w.-]+)[ \t\r]*(?::[ \t]*(allow|deny|ALLOW|DENY)[ \t\r]*)?\n", re.MULTILINE
)
"""A rule of one daemon and one client, which may end in the word allow or deny."""
_ADDRESS = re.compile(rb"\.".join([rb"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"] * 4))
_NUMERIC = re.compile(rb"[0-9.]*")
_WORDS = frozenset((b"all", b"known", b"unknown", b"paranoid", b"local", b"except", b"fail"))
_MOST_KINDS = 60000


def scan(text: bytes, file: str, table: Table) -> tuple[Block, tuple[Problem, ...]]:
    """The rules of a table, or of whole lines of one, and what there is to say about the text, as ``parse`` says it."""
    return _Scan(text, file, table).run()


def read_rules(text: bytes, file: str, table: Table) -> tuple[Rules, tuple[Problem, ...]]:
    """The rules of a whole table, and what there is to say about it."""
    block, problems = scan(text, file, table)
    return Rules((Piece(block, 0, len(block)),)), problems


def _number(address: bytes) -> int:
    one, two, three, four = address.split(b".")
    return int(one) << 24 | int(two) << 16 | int(three) << 8 | int(four)


def _is_name(client: bytes) -> bool:
    """A name or `.domain` as ``policy/address_pattern.py`` has it, and no word of the language."""
    if client[-1] == 46 or b".." in client or _NUMERIC.fullmatch(client):
        return False
    return client.lower() not in _WORDS


class _Scan:
    def __init__(self, text: bytes, file: str, table: Table) -> None:
        self.block = Block(text, file, table)
        self.problems: list[Problem] = []
        self.kinds: dict[tuple[bytes, bytes | None], int] = {}
        self.v4: list[list[int]] = []
        self.names: list[list[int]] = []
        self.line = 1
        self.position = 0

    def run(self) -> tuple[Block, tuple[Problem, ...]]:
        block, text = self.block, self.block.text
        lines, starts, kind_of = block.lines, block.starts, block.kind_of
        done = 0
        for match in _PLAIN.finditer(text):
            start = match.start()
            if start > done:
                gap = text[done:start]
                if gap.endswith(b"\\\n"):
                    continue  # the rest of a joined line, and so of the gap
                self.gap(gap)
            daemon, client, word = match.groups()
            number = self.kinds.get((daemon, word))
            if number is None:
                number = self.kind(daemon, word)
            if _ADDRESS.fullmatch(client) and number is not None:
                self.v4[number].append(_number(client) << 32 | self.position)
            elif number is not None and _is_name(client):
                self.names[number].append(name_key(client.lower()) << 32 | self.position)
                block.kinds[number].named.append(self.position)
            else:
                done = start
                continue
            starts.append(match.start(2))
            lines.append(self.line)
            kind_of.append(number)
            self.position += 1
            self.line += 1
            done = match.end()
        if done < len(text):
            self.gap(text[done:])
        for kind, addresses, names in zip(block.kinds, self.v4, self.names, strict=True):
            kind.v4, kind.names = array("Q", sorted(addresses)), array("Q", sorted(names))
        return block, tuple(self.problems)

    def kind(self, daemon: bytes, word: bytes | None) -> int | None:
        """The number of a new kind; None where there are too many, or the daemon is a word of the language."""
        if len(self.kinds) >= _MOST_KINDS or daemon.lower() == b"except":
            return None
        number = self.kinds[daemon, word] = len(self.block.kinds)
        self.block.kinds.append(Kind((daemon.decode(),), (word or b"").decode().lower()))
        self.v4.append([])
        self.names.append([])
        return number

    def gap(self, text: bytes) -> None:
        """What is not plain: comments, and rules for the parser."""
        block = self.block
        rules, problems = parse(text, block.file, block.table, first_line=self.line, said=len(self.problems))
        for rule in rules:
            block.complex[self.position] = rule
            block.lines.append(rule.origin.line)
            block.starts.append(COMPLEX)
            block.kind_of.append(0)
            self.position += 1
        self.problems += problems
        self.line += text.count(b"\n")
