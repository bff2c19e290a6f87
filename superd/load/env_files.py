"""Files of variables from disk: read with the care that root needs, when the configuration is read. Keeps nothing.

Runs in: the master and the operator's commands. The values go to launchers alone; no message holds one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.env_file import parse_env_file
from superd.problem import Origin, Problem, error, warning
from superd.system.trusted_file import trusted_files

if TYPE_CHECKING:
    from superd.service import Service


def read_env_file(word: str, *, root: bool) -> tuple[dict[str, str], tuple[tuple[int, str], ...]]:
    """The variables of ``path`` or ``-path``, and (line, what is wrong). Raises ``OSError``; with a `-` a file may be missing."""
    try:
        with trusted_files(strict=root) as files:
            data = files.read(word.removeprefix("-"))
    except FileNotFoundError:
        if word.startswith("-"):
            return {}, ()
        raise
    variables, wrong = parse_env_file(data.decode("utf-8", "surrogateescape"))
    return dict(variables), wrong


def variables_of(service: Service, *, root: bool) -> dict[str, str]:
    """The variables of all files of a service, those of a later file instead of an earlier one's. Raises ``OSError``."""
    found: dict[str, str] = {}
    for word in service.env_file:
        found |= read_env_file(word, root=root)[0]
    return found


def check_env_files(service: Service, where: Origin, *, root: bool) -> list[Problem]:
    """What is wrong with the files that a service names; ``where`` it names them."""
    found: list[Problem] = []
    for word in service.env_file:
        path = word.removeprefix("-")
        try:
            wrong = read_env_file(word, root=root)[1]
        except PermissionError as problem:
            # Secrets that only root may read are as they should be; an ordinary user's check cannot look at them.
            found.append((error if root else warning)(where, f"`{path}` cannot be read: {problem.strerror or problem}"))
        except OSError as problem:
            hint = f"write `-{path}` if it need not exist" if isinstance(problem, FileNotFoundError) else ""
            found.append(error(where, f"`{path}` cannot be read: {problem.strerror or problem}", hint))
        else:
            found += [error(Origin(path, line), message) for line, message in wrong]
    return found
