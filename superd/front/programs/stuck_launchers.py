"""Launchers that stand still because a program's start does not return: a dead file system, an antivirus that hangs.

A launcher waits for execve(2) in the kernel, and cannot be freed. So the master is asked which service it is and for a
further launcher; that service stays where it is, and the others of the same user go on.

Runs in: the front. Starts and ends nothing itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.front.programs.dispatch import Dispatch
    from superd.front.programs.launcher_links import MessageLog
    from superd.front.programs.recovery import AskMaster


class StuckLaunchers:
    """Keeps ``dispatch`` off the launchers that stand still, until they report again."""

    def __init__(self, dispatch: Dispatch, ask: AskMaster, log: MessageLog) -> None:
        self._dispatch = dispatch
        self._ask = ask
        self._log = log

    def on_silent(self, numbers: list[int]) -> None:
        """Take these for the launchers that stand still just now; called each half second while there is work."""
        avoided = self._dispatch.avoided
        for number in sorted(avoided.difference(numbers)):
            avoided.discard(number)
            for service in [service for service, at in self._dispatch.stuck.items() if at == number]:
                del self._dispatch.stuck[service]
                self._log.message("notice", "its programs start again", service)
            self._dispatch.try_again()
        for number in numbers:
            if number not in avoided:
                avoided.add(number)
                self._ask("stuck", number=number)

    def answered(self, number: int, service: str) -> None:
        """Take the master's answer: launcher ``number`` stands still for ``service``; empty when it cannot tell."""
        if number in self._dispatch.avoided and service:
            self._dispatch.stuck[service] = number
        self._dispatch.try_again()
