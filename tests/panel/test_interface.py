"""The interface description is varlink's own grammar, as far as clients read it."""

from __future__ import annotations

import re

import pytest

from superd.panel.interface import DESCRIPTION

TYPE = r"(\??\[\])?\??(\[\])?[a-zA-Z]+"
_KEYWORDS = ("interface", "type", "method", "error")


@pytest.mark.parametrize("text", DESCRIPTION.values(), ids=DESCRIPTION.keys())
def test_every_member_is_a_declaration_of_known_types(text: str) -> None:
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    names = {"string", "int", "float", "bool", "object", *re.findall(r"^type (\w+)", bare, re.M)}
    members = re.split(rf"^(?=(?:{'|'.join(_KEYWORDS)}) )", bare, flags=re.M)[1:]
    assert members
    for member in members:
        keyword, _, rest = member.strip().partition(" ")
        if keyword == "interface":
            assert re.fullmatch(r"[A-Za-z]+(\.[A-Za-z]+)+", rest)
            continue
        pattern = r"\w+ ?\((.*?)\)( -> \((.*?)\))?"
        match = re.fullmatch(pattern, rest, re.S)
        assert match is not None, member
        for fields in (match[1], match[3] or ""):
            for field in filter(None, (part.strip() for part in fields.split(","))):
                name, _, kind = field.partition(": ")
                assert re.fullmatch(r"[a-z_]+", name), field
                assert kind.replace("[]", "").replace("?", "") in names, field
