"""What: which files a command line names, and where they are if it names none.

Runs in: master, cli. Never: opens one.
"""

from __future__ import annotations

import hashlib

from superd.frozen import frozen

OF_PACKAGES = "/usr/lib/superd/services.d"
OPERATORS_OWN = "/etc/superd/services.d"
MAIN = "/etc/superd/superd.toml"


@frozen
class Sources:
    """What the command line named. ``config``: superd.toml, or a file of any other grammar; ``services``: folders, lowest first.

    ``inetd`` are inetd.conf files to read as well, where they exist. ``single`` is one service's file, read by itself;
    ``text`` is its text where it is not a file on disk.
    ``candidate`` is the path of a service's file and the name it is to have: read in the place of the uppermost NAME.toml.
    """

    config: str = ""
    services: tuple[str, ...] = ()
    hosts_allow: str | None = None
    hosts_deny: str | None = None
    inetd: tuple[str, ...] = ()
    single: str = ""
    text: str = ""
    candidate: tuple[str, str] | None = None

    @property
    def digest(self) -> str:
        """Return a short text that two commands have in common when they name the same files."""
        return digest_of(repr(self))


def digest_of(configuration: str) -> str:
    """Return the digest of ``repr(Sources)``."""
    return hashlib.sha256(configuration.encode("utf-8", "surrogateescape")).hexdigest()[:16]
