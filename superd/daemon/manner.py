"""How superd goes about serving where no file says so. A value."""

from __future__ import annotations

from collections.abc import Callable

from superd.frozen import frozen


@frozen
class Manner:
    """How superd goes about it where no file says so; what differs is for the sake of xinetd's command line.

    ``ident`` is its name in syslog, ``log_file`` the path that stands for stderr, ``settle`` is called when the configuration
    has been read and nothing was started yet; it may raise ``OSError``. ``keep_going`` serves what can be served in spite of
    errors, and then refuses every client that a hosts.deny which cannot be used would decide about.
    """

    ident: str = "superd"
    log_file: str = ""
    stay_alive: bool = True
    settle: Callable[[], None] | None = None
    keep_going: bool = False
    configuration: str = ""
    """What is read, as text: a second superd with the same is refused."""
    origins: bool = False
    """``on_ready`` gets the place where each key was written; the master keeps it else for nothing."""
