"""What had to be found out for one decision, besides the names and the user in the peers.

Runs in: the front, the operator's commands. Never: finds anything out itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from superd.frozen import frozen

if TYPE_CHECKING:
    from superd.rule import Option


@frozen
class Facts:
    """``netgroups``: (group, host) → member or not. ``aclexec``: an option → whether its command succeeded."""

    netgroups: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    aclexec: Mapping[Option, bool] = field(default_factory=dict)


NO_FACTS = Facts()
