"""What: the group of processes (cgroup v2) that one program is in, by the descriptors that the master opened.

Runs in: launchers. Standard library only. Never: opens a path; the files are the master's, and only read by their names.
"""

from __future__ import annotations

import os


class Group:
    """The group of one program, as its launcher has it: three descriptors, which are this object's."""

    __slots__ = ("folder", "kill", "number", "procs")

    def __init__(self, number: int, procs: int, kill: int, folder: int) -> None:
        self.number = number
        self.procs = procs
        self.kill = kill
        self.folder = folder

    def enter(self) -> None:
        """Put this process into the group: the right to do it is that of who opened the file. Raises ``OSError``."""
        os.write(self.procs, b"0")

    def end(self) -> None:
        """Send SIGKILL to all that is in the group, at once."""
        try:
            os.write(self.kill, b"1")
        except OSError:
            pass  # it is gone

    @property
    def populated(self) -> bool:
        """Whether a process is in it."""
        return "populated 1" in self._read("cgroup.events")

    def usage(self) -> tuple[float, float, int, bool]:
        """Return its seconds in user and kernel mode, its peak of memory in KiB (0: unknown), and whether memory ran out."""
        times = _numbers(self._read("cpu.stat"))
        peak = self._read("memory.peak").strip()
        events = _numbers(self._read("memory.events"))
        killed = events.get("oom_kill", 0) or events.get("oom_group_kill", 0)
        return (
            times.get("user_usec", 0) / 1e6, times.get("system_usec", 0) / 1e6, int(peak) >> 10 if peak.isdecimal() else 0,
            bool(killed),
        )  # fmt: skip

    def close(self) -> None:
        """Let go of it."""
        for fd in (self.procs, self.kill, self.folder):
            os.close(fd)

    def _read(self, name: str) -> str:
        try:
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.folder)
        except OSError:
            return ""  # this kernel, or this host's division, has no such count
        try:
            return os.read(fd, 4096).decode("ascii", "replace")
        except OSError:
            return ""
        finally:
            os.close(fd)


def _numbers(text: str) -> dict[str, int]:
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}
