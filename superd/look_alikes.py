"""Characters that look like another one: a no-break space, curly quotes, long dashes, what HTML and word processors make.

They come with text that was copied from a web page. Pure; any process that reads what an operator wrote.
"""

from __future__ import annotations

import re

UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""How a file begins that an editor has saved as UTF-16."""
_WIDE = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_MEANT = {
    **_WIDE,
    **dict.fromkeys("\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000", " "),
    **dict.fromkeys(map(chr, range(0x2000, 0x200B)), " "),
    **dict.fromkeys("\u00ad\u034f\u061c\u180e\ufeff", ""),
    **dict.fromkeys(
        map(chr, (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFE00, 0xFE10))), ""
    ),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-"),
    **dict.fromkeys("\u00b4\u2018\u2019\u201a\u201b\u2032\u2035\uff07", "'"),
    **dict.fromkeys("\u00ab\u00bb\u201c\u201d\u201e\u201f\u2033\u2036\uff02", '"'),
    **dict.fromkeys("\u02d0\u0589\u05c3\u2236\ua789\ufe55\uff1a", ":"),
    **dict.fromkeys("\u2044\u2215\u29f8", "/"),
    **dict.fromkeys("\u2217\u204e", "*"),
    "\u3002": ".",
    "\u3001": ",",
    # The same in a file that a Windows program saved: its bytes are not UTF-8.
    **dict.fromkeys("\udca0", " "),
    **dict.fromkeys("\udc96\udc97", "-"),
    **dict.fromkeys("\udc91\udc92", "'"),
    **dict.fromkeys("\udc93\udc94", '"'),
}
_NAMES = {
    " ": "a special blank",
    "": "an invisible character",
    "-": "a long dash",
    "'": "a curly quote",
    '"': "a curly quote",
    "=": "a wide equals sign",
    ":": "a wide colon",
    ",": "a wide comma",
    "/": "a wide slash",
}
_LETTERS = dict(
    zip(
        "АВЕКМНОРСТУХІЅЈаеорсухіѕјΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",
        "ABEKMHOPCTYXISJaeopcyxisjABEZHIKMNOPTYXo",
        strict=True,
    )
)
_ENTITIES = {
    **{"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&nbsp;": " ", "&apos;": "'"},
    **{"&ndash;": "-", "&mdash;": "-", "&lsquo;": "'", "&rsquo;": "'", "&ldquo;": '"', "&rdquo;": '"'},
}
_ANY = re.compile("|".join([f"[{re.escape(''.join(_MEANT))}]", *_ENTITIES, "&#[0-9]{2,5};", "&#x[0-9A-Fa-f]{2,4};"]))
_WORD = re.compile(r"[^\W\d_]+")


def look_alike(text: str) -> tuple[str, str] | None:
    """What is wrong with ``text``, and the text as it was meant; nothing for plain text. The first such character is named."""
    if text.isascii() and "&" not in text:
        return None
    match = _ANY.search(text)
    if match is None:
        return _letters(text)
    word = match[0]
    if word[0] == "&":
        what = f"`{word}` is HTML for `{_meant(match)}`"
    else:
        meant = _MEANT[word]
        instead = {"": "nothing", " ": "a blank"}.get(meant, f"`{meant}`")
        code = ord(word)
        shown = f"U+{code:04X}" if not 0xDC80 <= code < 0xDD00 else f"byte 0x{code - 0xDC00:02X}"
        what = f"{_NAMES.get(meant, 'a wide character')} ({shown}) stands where {instead} is meant"
    text = _ANY.sub(_meant, text)
    again = _letters(text)
    return what, again[1] if again else text


def _meant(match: re.Match[str]) -> str:
    word = match[0]
    if word[:2] == "&#":
        character = chr(int(word[3:-1], 16) if word[2] in "xX" else int(word[2:-1]))
        return _MEANT.get(character, character)
    return _ENTITIES.get(word) or _MEANT.get(word, "")


def _letters(text: str) -> tuple[str, str] | None:
    """Letters of another alphabet within a word of Latin ones, or a word of capitals that are all such letters."""
    if text.isascii():
        return None
    first = ""

    def latin(match: re.Match[str]) -> str:
        nonlocal first
        word = match[0]
        if word.isascii():
            return word
        foreign = [letter for letter in word if not letter.isascii()]
        if not all(letter in _LETTERS for letter in foreign):
            return word
        if len(foreign) == len(word) and not (len(word) > 2 and word.isupper()):
            return word
        first = first or foreign[0]
        return "".join(_LETTERS.get(letter, letter) for letter in word)

    meant = _WORD.sub(latin, text)
    if not first:
        return None
    return f"a letter of another alphabet (U+{ord(first):04X}) stands where `{_LETTERS[first]}` is meant", meant
