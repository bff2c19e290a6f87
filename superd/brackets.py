"""Where a text of hosts.allow is divided: at a mark outside brackets, which IPv6 addresses have (libwrap: misc.c, split_at).

Runs in: every process that reads the tables. Never: knows what a part means.
"""


def split_outside_brackets(text: str, mark: str, start: int = 0) -> tuple[str, str] | None:
    """Return what is around the first ``mark`` outside brackets, ``None`` without one. Nothing before ``start`` counts."""
    if "[" not in text and "]" not in text:  # as nearly all rules: a long list is read in half the time
        at = text.find(mark, start)
        return (text[:at], text[at + 1 :]) if at >= 0 else None
    depth = 0
    for index, character in enumerate(text[start:], start):
        if character == "[":
            depth += 1
        elif character == "]":
            depth -= 1
        elif character == mark and depth == 0:
            return text[:index], text[index + 1 :]
    return None
