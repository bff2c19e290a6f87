"""A reload as a value: what was read is held against what is in force, and the new addresses are opened.

Runs in: master.
Never: changes what is in force; the caller puts ``Reloaded`` into force or logs ``Refused``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.counted import counted
from superd.errors import BindError
from superd.frozen import frozen
from superd.master.configuration import Configuration, Unusable
from superd.master.listeners import explain
from superd.plan import Plan, plan
from superd.problem import Origin, error, errors, new_errors

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from superd.address import BindAddress
    from superd.file_end import FileEnd
    from superd.master.in_service import InService
    from superd.master.listeners import BoundSockets
    from superd.problem import Problem
    from superd.service import Service


@frozen
class Reloaded:
    """What is to be put into force; ``opened`` are the caller's sockets from here on."""

    found: Configuration
    changes: Plan
    opened: dict[BindAddress, socket.socket]
    changed: dict[str, Service]
    removed: tuple[str, ...]

    def listeners(self) -> dict[BindAddress, str]:
        """Return the service of each address that is new or serves another one."""
        table = self.found.registry.by_address()
        names = {address: service.name for address, service in self.changes.retarget}
        return names | {address: table[address].name for address in self.opened}


@frozen
class Refused:
    """Why nothing has changed, in a few words, and every problem that is to be logged."""

    why: str
    problems: tuple[Problem, ...] = ()


def refusal(state: InService, found: Configuration | Unusable) -> Refused | None:
    """Return why what was read is not put into force, None for no reason."""
    if isinstance(found, Unusable):
        return Refused(counted(len(errors(found.problems)), "problem"), found.problems)
    cut = cut_short(state.registry.endings, found.registry.endings)
    if not cut and not new_errors(state.problems, found.problems):
        return None
    problems = (*found.problems, *cut)
    return Refused(counted(len(errors(problems)), "problem"), problems)


def cut_short(before: Mapping[str, FileEnd], now: Mapping[str, FileEnd]) -> tuple[Problem, ...]:
    """Return an error for each file that is what it was before, cut short: what is left may be a whole entry, and open.

    Such a file may be half written, or its writer may have died.
    """
    found: list[Problem] = []
    for path, ending in now.items():
        known = before.get(path)
        if known is None or ending is known:
            continue
        if known.ended and not ending.ended:
            message = "the last line has lost its end: the file may be half written, so what it said before goes on"
            found.append(error(Origin(path), message, "end the last line, as an editor does"))
        elif ending.cut_from(known):
            message = f"ends after line {ending.lines} of what is in force and may be half written: what is in force stays"
            hint = "write the rest; if it was removed on purpose, add a last line, as `# this is all`"
            found.append(error(Origin(path, ending.lines), message, hint))
    return tuple(found)


def reload(state: InService, found: Configuration | Unusable, sockets: BoundSockets) -> Reloaded | Refused:
    """Return what a reload with ``found`` does. An error that the configuration in force has too does not refuse it."""
    if refused := refusal(state, found):
        return refused
    assert isinstance(found, Configuration)
    old, new = state.registry, found.registry
    changes = plan(old, new)
    try:
        opened = sockets.open_all(changes)
    except BindError as problem:
        address = next((address for address, _ in changes.open if address.describe() == problem.address), None)
        return Refused(explain(address, problem) if address is not None else str(problem))
    return Reloaded(
        found,
        changes,
        opened,
        {name: service for name, service in new.services.items() if old.services.get(name) != service},
        tuple(name for name in old.services if name not in new.services),
    )
