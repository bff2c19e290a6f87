"""Golden cases: one or more files, a line of five dashes, what the reader made of them. Reads no real /etc."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.config.foreign import Foreign

GOLDEN = Path(__file__).parent.parent / "golden"


class MemoryFiles:
    """A ``FileReader`` over a dict of paths."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.files[path]

    def list(self, path: str) -> list[str]:
        names = [name.removeprefix(f"{path}/") for name in self.files if name.startswith(f"{path}/")]
        if not names:
            raise FileNotFoundError(2, "No such file or directory", path)
        return names


def load(case: Path) -> tuple[MemoryFiles, str]:
    """The files of a case (``== path`` begins another one) and the wanted text."""
    text, _, wanted = case.read_text().partition("\n-----\n")
    files: dict[str, list[str]] = {"conf": []}
    current = "conf"
    for line in text.split("\n"):
        if line.startswith("== "):
            current = line[3:]
            files[current] = []
        else:
            files[current].append(line)
    return MemoryFiles({path: "\n".join(lines).encode() for path, lines in files.items()}), wanted


def show(foreign: Foreign) -> str:
    """Every service with what differs from the default, then every problem."""
    lines = []
    for service in foreign.services:
        lines.append(f"[{service.name}]")
        for key, value in sorted(service.model_dump(exclude_defaults=True).items()):
            if key != "name" and not (key == "service" and value == service.name):
                lines.append(f"{key} = {sorted(value) if isinstance(value, (set, frozenset)) else value!r}")
    lines.extend(str(problem) for problem in foreign.problems)
    return "\n".join(lines) + "\n"
