"""What can go wrong, by whose fault it is. Never raised for a refusal: that is a ``Verdict``.

::

    SuperdError
    ├── ConfigError(problems)        the operator's: every problem of one reading, all at once
    ├── BindError(address, errno)    the system's: an address could not be opened
    ├── PeerError(reason)            the peer's: bytes that break a protocol
    └── ControlError(message)        a request to the master or a launcher that is not in its table
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from superd.problem import Problem
    from superd.settings import Settings


class SuperdError(Exception):
    """Base of all that superd raises on purpose."""


class ConfigError(SuperdError):
    """Configuration that cannot be used: ``problems`` with an error at least, and superd.toml's ``settings``, if it was read."""

    def __init__(self, problems: tuple[Problem, ...], settings: Settings | None = None) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
        self.settings = settings

    def line(self) -> str:
        """All problems as one line, for a log."""
        return "; ".join(problem.line() for problem in self.problems)


class BindError(SuperdError):
    """``address`` could not be opened; ``errno`` as the kernel gave it. ``why`` says more than the number."""

    def __init__(self, address: str, errno: int, why: str = "") -> None:
        super().__init__(f"cannot listen on `{address}`: {why or os.strerror(errno)}")
        self.address = address
        self.errno = errno
        self.why = why or os.strerror(errno)


class PeerError(SuperdError):
    """The peer broke a protocol; the text never holds the peer's bytes unescaped."""


class ControlError(SuperdError):
    """A message between superd's own processes that the receiver's closed table does not hold."""
