"""Markdown as the project's pages have it → roff for man(7): paragraphs, lists, tables, code blocks, bold, code, links."""

import re
import textwrap

_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\([^)]+\)")


def escaped(text: str) -> str:
    """Text as roff prints it: backslashes, hyphens that are to be copied, and a dot that begins a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("^", "\\(ha")
    return f"\\&{text}" if text[:1] in (".", "'") else text


def inline(text: str) -> str:
    """One line of Markdown. Table cells have `\\|` for a bar."""
    text = re.sub(r"\*\*(`[^`]+`)\*\*", r"\1", text.replace("\\|", "|"))
    text = re.sub(r"(?<![\w*])\*(\w[^*`]*)\*(?![\w*])", r"\1", text)
    found, at = [], 0
    for match in _INLINE.finditer(text):
        found.append(escaped(text[at : match.start()]) if at or match.start() else "")
        code, bold, link = match.groups()
        word = escaped(code or bold or "")
        found.append(inline(link) if link else f"\\fB{word.removeprefix(chr(92) + '&')}\\fR")
        at = match.end()
    rest = text[at:]
    found.append(escaped(rest) if not at else escaped(f"x{rest}")[1:])
    return "".join(found)


def entry(head: str, *body: str) -> list[str]:
    """A word and what it means."""
    return [".TP", inline(head), *map(inline, body)]


def example(text: str) -> list[str]:
    """Lines that stand as they are."""
    return [".PP", ".RS 4", ".nf", *map(escaped, text.rstrip("\n").split("\n")), ".fi", ".RE"]


def markdown(text: str) -> list[str]:
    """Paragraphs, lists and tables of a page, without its headings."""
    lines, found, paragraph = text.split("\n"), list[str](), list[str]()

    def flush() -> None:
        if paragraph:
            found.extend([".PP", inline(" ".join(paragraph))])
            paragraph.clear()

    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.startswith("|"):
            flush()
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
            header = at < len(lines) and lines[at].startswith("|---")
            if header:
                at += 1
                continue
            found += entry(cells[0], ". ".join(cell for cell in cells[1:] if cell))
        elif line.startswith("```"):
            flush()
            end = lines.index("```", at)
            found += example("\n".join(lines[at:end]))
            at = end + 1
        elif line.startswith("- "):
            flush()
            item = [line[2:]]
            while at < len(lines) and lines[at].startswith("  "):
                item.append(lines[at].strip())
                at += 1
            found += [".IP \\(bu 3", inline(" ".join(item))]
        elif not line.strip():
            flush()
        else:
            paragraph.append(line.strip())
    flush()
    return found


def page(name: str, section: int, date: str, version: str, summary: str, parts: list[tuple[str, list[str]]]) -> str:
    """A whole man page."""
    lines = [
        f'.TH {name.upper()} {section} {date} "superd {version}" "superd"',
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{escaped(name)} \\- {escaped(summary)}",
    ]
    for title, body in parts:
        if body and body[0] == ".PP":
            body = body[1:]
        lines += [f".SH {title}" if " " not in title else f'.SH "{title}"', *body]
    return "\n".join(_filled(lines)) + "\n"


def _filled(lines: list[str]) -> list[str]:
    """Text that roff fills, in lines of at most 79 characters; what stands as it is, is left."""
    found: list[str] = []
    as_it_is = False
    for line in lines:
        as_it_is = line == ".nf" or (as_it_is and line != ".fi")
        if as_it_is or line.startswith("."):
            found.append(line)
            continue
        wrapped = textwrap.wrap(line, 79, break_long_words=False, break_on_hyphens=False)
        found += [f"\\&{part}" if part[:1] in (".", "'") else part for part in wrapped]
    return found
