"""All that is served, as one immutable value. Reading it is ``config/``'s work, binding it ``daemon/``'s.

Runs in: any process. Never: changes.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from superd.counted import counted
from superd.frozen import frozen
from superd.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from superd.address import BindAddress
    from superd.file_end import FileEnd
    from superd.problem import Origin
    from superd.service import Service


@frozen
class Registry:
    """Enabled services by id, the daemon's settings, and where each key was written.

    ``origins`` maps (service id, key) to a place; the key ``""`` is the service as a whole. ``endings`` says of each file
    that was read how it ends. Two registries are equal when they serve the same, wherever it was written.
    """

    services: Mapping[str, Service]
    settings: Settings = field(default_factory=Settings.model_construct)
    origins: Mapping[tuple[str, str], Origin] = field(default_factory=dict, compare=False)
    endings: Mapping[str, FileEnd] = field(default_factory=dict, compare=False)

    def by_address(self) -> dict[BindAddress, Service]:
        """The table of listeners: what answers at each address."""
        return {address: service for service in self.services.values() for address in service.addresses()}

    def served(self, missing: Collection[BindAddress]) -> int:
        """Return how many services can be reached while ``missing`` addresses are not open; through tcpmux without any."""
        return sum(
            not (addresses := service.addresses()) or not all(a in missing for a in addresses)
            for service in self.services.values()
        )

    def described(self, missing: Collection[BindAddress]) -> str:
        """Return how many of the services are served, in words: `8 services`, `7 of 8 services`."""
        served, of = self.served(missing), len(self.services)
        return f"{f'{served} of ' if served < of else ''}{counted(of, 'service')}"

    def __reduce__(self) -> tuple[type[Registry], tuple[object, ...]]:
        return Registry, (dict(self.services), self.settings, dict(self.origins), dict(self.endings))
