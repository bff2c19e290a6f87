"""Characters that look like another one: a no-break space, curly quotes, long dashes, what HTML and word processors make.

They come with text that was copied from a web page. Pure; any process that reads what an admin wrote.
"""

from __future__ import annotations

import re

_MEANT = {
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000", " "),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u2018\u2019\u201a\u2032", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u2033", '"'),
    **dict.fromkeys("\uff1a\ua789", ":"),
    "\uff1d": "=",
    "\uff0c": ",",
    "\u2044": "/",
    "\uff0f": "/",
}
_NAMES = {
    " ": "a special blank",
    "": "an invisible character",
    "-": "a long dash",
    "'": "a curly quote",
    '"': "a curly quote",
    ":": "a wide colon",
    "=": "a wide equals sign",
    ",": "a wide comma",
    "/": "a wide slash",
}
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&nbsp;": " ", "&#39;": "'", "&apos;": "'"}
_ANY = re.compile("|".join([f"[{''.join(_MEANT)}]", *_ENTITIES]))


def look_alike(text: str) -> tuple[str, str] | None:
    """What is wrong with ``text``, and the text as it was meant; nothing for plain text. The first such character is named."""
    match = None if text.isascii() and "&" not in text else _ANY.search(text)
    if match is None:
        return None
    word = match[0]
    if word in _ENTITIES:
        what = f"`{word}` is HTML for `{_ENTITIES[word]}`"
    else:
        meant = _MEANT[word]
        instead = {"": "nothing", " ": "a blank"}.get(meant, f"`{meant}`")
        what = f"{_NAMES[meant]} (U+{ord(word):04X}) stands where {instead} is meant"
    return what, _ANY.sub(lambda found: _ENTITIES.get(found[0]) or _MEANT.get(found[0], ""), text)
