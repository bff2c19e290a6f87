"""The section of docs/ARCHITECTURE.md that names every file of superd/ with its trade, from the first sentence of the file itself."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

HEAD = """## Files

Every file of `superd/`, with the first sentence of its own first lines. `scripts/reference` writes this section.
"""


def trade_of(path: Path) -> str:
    """Return what a file is, as it says itself. Raises ``ValueError`` for one that does not say it."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    head = " ".join(text.partition("\n\n")[0].split()).removeprefix("What: ")
    if not head:
        raise ValueError(f"{path}: error: no docstring says what this file is")
    text = head[:1].upper() + head[1:].replace("``", "`").replace("|", "\\|")
    # A neighbour is named without its folder there; from here on it needs one.
    return re.sub(r"(?<=`)[a-z_0-9]+\.py(?=`)", lambda name: in_package(path.parent / name[0]) or name[0], text)


def in_package(path: Path) -> str:
    """Return the path of a file of superd/ from there, "" for one that does not exist."""
    return str(path).rpartition("/superd/")[2] if path.exists() else ""


def section(root: Path) -> str:
    """Return the section: a table for each folder, in the order of their names."""
    package = root / "superd"
    lines = [HEAD]
    for folder in (package, *sorted(path for path in package.iterdir() if path.is_dir() and any(path.rglob("*.py")))):
        found = sorted(folder.glob("*.py") if folder == package else folder.rglob("*.py"))
        files = [path for path in found if path.name != "__init__.py"]
        name = "words, directly under `superd/`" if folder == package else f"`{folder.name}/`"
        lines += [f"| {name} | |", "|---|---|"]
        lines += [f"| `{path.relative_to(package)}` | {trade_of(path)} |" for path in files]
        lines.append("")
    return "\n".join(lines)


def with_section(page: str, root: Path) -> str:
    """Return the page with its last section made anew."""
    return page.partition(HEAD.partition("\n")[0])[0].rstrip("\n") + "\n\n" + section(root)


if __name__ == "__main__":
    sys.stdout.write(section(Path(__file__).parent.parent.parent))
