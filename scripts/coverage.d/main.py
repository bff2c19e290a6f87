"""The memory that ``arcs.py`` writes to: ``main.py prepare FOLDER`` makes it, ``main.py collect FOLDER`` turns it into coverage data."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def prepare(folder: Path) -> None:
    """Make the index of superd's files, and room for every pair of lines of each."""
    end, rows = 0, []
    for path in sorted((ROOT / "superd").rglob("*.py")):
        lines = len(path.read_text().splitlines()) + 1
        rows.append(f"{path}\t{end}\t{lines}\n")
        end += (2 * lines + 1) ** 2
    (folder / "index").write_text("".join(rows))
    with (folder / "arcs").open("wb") as file:
        file.truncate(end)
    (folder / "arcs").chmod(0o666)  # launchers and fronts have users of their own
    folder.chmod(0o755)


def collected(folder: Path) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Yield each file with the arcs that were run: (line before, line), negative for entry and exit."""
    data = (folder / "arcs").read_bytes()
    for row in (folder / "index").read_text().splitlines():
        path, start, lines = row.split("\t")
        width = 2 * int(lines) + 1
        own = data[int(start) : int(start) + width * width]
        arcs, at = [], own.find(1)
        while at >= 0:
            arcs.append((at // width - int(lines), at % width - int(lines)))
            at = own.find(1, at + 1)
        if arcs:
            yield path, arcs


def collect(folder: Path) -> None:
    """Write what was collected next to the data of the processes that coverage.py measured."""
    from coverage import CoverageData

    data = CoverageData(str(ROOT / ".coverage.sealed"))
    data.erase()
    data.add_arcs(dict(collected(folder)))
    data.write()


if __name__ == "__main__":
    {"prepare": prepare, "collect": collect}[sys.argv[1]](Path(sys.argv[2]))
