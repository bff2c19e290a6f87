"""What: which user the front and each program would be, where superd runs as root: named on purpose, and not the same.

Runs in: master, cli. Never: becomes a user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.problem import Origin, Problem, error
from superd.system.accounts import front_account, known_user, uid_of
from superd.system.credentials import is_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from superd.launch_spec import Account
    from superd.load.settings import Main
    from superd.service import Service
    from superd.settings import Settings


def front_of(settings: Settings, services: Iterable[Service]) -> Account | None:
    """Return who the front is; ``None`` where superd is an ordinary user."""
    if not is_root():
        return None
    return front_account(settings.user, frozenset(_uids(services).values()))


def _uids(services: Iterable[Service]) -> dict[str, int]:
    """Return the uid of each user that a service names and this host knows. Each is asked for once: NIS or LDAP can be slow."""
    return {user: uid_of(user) for user in {service.user for service in services} if user and known_user(user)}


def check_users(
    main: Main,
    services: Mapping[str, Service],
    origins: Mapping[tuple[str, str], Origin],
    foreign_files: frozenset[str],
) -> list[Problem]:
    """Return an error for a native service that does not name its user, a front that is root, and a user that both have."""
    problems = [_unnamed(service, origins) for service in services.values() if _is_unnamed(service, origins, foreign_files)]
    uids = _uids(services.values())
    front = front_of(main.settings, services.values())
    if front is None:
        return []
    if front.uid == 0:
        problems.append(error(Origin(main.path), f"`user`: the front must not run as `{front.name}`", 'user = "superd"'))
        return problems
    for name, service in services.items():
        if uids.get(service.user) == front.uid and service.server:
            where = origins.get((name, "user")) or origins.get((name, ""), Origin(name))
            message = f"`{service.user}` is the user of superd's own front, which a program of this user could end"
            problems.append(error(where, message, "give the service another `user`"))
    return problems


def _is_unnamed(service: Service, origins: Mapping[tuple[str, str], Origin], foreign_files: frozenset[str]) -> bool:
    place = origins.get((service.name, ""))
    return (
        bool(service.server)
        and not (service.user or service.sandbox.dynamic_user)
        and (place is None or place.file not in foreign_files)
    )


def _unnamed(service: Service, origins: Mapping[tuple[str, str], Origin]) -> Problem:
    return error(
        origins.get((service.name, "server")) or origins.get((service.name, ""), Origin(service.name)),
        f"`user` is missing: `{service.server}` would run as root",
        'add `user = "nobody"`, or `user = "root"` if it must be root',
    )
