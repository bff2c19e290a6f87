"""What a reader of another daemon's files hands back. Only the values; ``xinetd_conf`` and ``inetd_conf`` fill them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from superd.problem import Origin, Problem
from superd.service import Service


@dataclass(frozen=True, slots=True)
class Foreign:
    """Services of a foreign file. ``origins`` maps (service id, key) to a place; key ``""`` is the whole service."""

    services: tuple[Service, ...] = ()
    origins: Mapping[tuple[str, str], Origin] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


class FileReader(Protocol):
    """Reads for a pure parser."""

    def read(self, path: str) -> bytes:
        """The content of a regular file. Raises ``OSError``."""
        ...

    def list(self, path: str) -> list[str]:
        """The names (not paths) in a folder, in any order. Raises ``OSError``."""
        ...


def has_left(files: FileReader, path: str) -> bool:
    """Whether a file that its folder listed a moment ago was deleted or renamed since; a link that dangles is still there."""
    folder, _, name = path.rpartition("/")
    try:
        return name not in files.list(folder or "/")
    except FileNotFoundError:
        return True
    except OSError:
        return False
