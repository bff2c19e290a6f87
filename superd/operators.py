"""Who may use the control socket: operators who may change things, and viewers. A value; knows users by number only."""

from __future__ import annotations

from collections.abc import Iterable

from superd.frozen import frozen


@frozen
class Operators:
    """``admins`` and ``viewers`` are uids, ``admin_groups`` and ``viewer_groups`` gids.

    ``own`` are uids of superd's unprivileged processes: they are never operators, whatever groups they have.
    """

    admins: frozenset[int] = frozenset()
    admin_groups: frozenset[int] = frozenset()
    viewers: frozenset[int] = frozenset()
    viewer_groups: frozenset[int] = frozenset()
    own: frozenset[int] = frozenset()

    def may_change(self, uid: int, gids: Iterable[int]) -> bool:
        """Return whether this user may end sessions, ban, reload and the like."""
        return uid not in self.own and (uid in self.admins or not self.admin_groups.isdisjoint(gids))

    def may_look(self, uid: int, gids: Iterable[int]) -> bool:
        """Return whether this user may ask."""
        gids = tuple(gids)
        return self.may_change(uid, gids) or (
            uid not in self.own and (uid in self.viewers or not self.viewer_groups.isdisjoint(gids))
        )
