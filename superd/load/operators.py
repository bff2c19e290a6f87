"""Users and groups of ``[control]`` as numbers.

Runs in: master's reading child, because NIS or LDAP can be slow. Never: lets an unknown name count as a user.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from superd.load.privilege import front_of
from superd.operators import Operators
from superd.problem import Origin, Problem, did_you_mean, warning
from superd.system.accounts import gid_of, known_group, known_user, uid_of, user_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from superd.service import Service
    from superd.settings import Settings

GROUP = "%"
"""What a group's name begins with, as in sudoers(5)."""


def operators_of(settings: Settings, services: Iterable[Service]) -> Operators:
    """Return who may use the control socket. Names that this host does not know are nobody's."""
    control = settings.control
    front = front_of(settings, services)
    return Operators(
        admins=frozenset({0, os.geteuid()}) | _users(control.admins),
        admin_groups=_groups(control.admins),
        viewers=_users(control.viewers),
        viewer_groups=_groups(control.viewers),
        own=frozenset({front.uid}) if front is not None else frozenset(),
    )


def check_operators(settings: Settings, places: Mapping[str, Origin], path: str) -> list[Problem]:
    """Return a warning for each word of ``[control]`` that this host does not know. The default group may be missing."""
    control = settings.control
    found: list[Problem] = []
    for key in ("admins", "viewers"):
        for word in getattr(control, key) if key in control.model_fields_set else ():
            kind, name, known = ("group", word[1:], _groups([word])) if word.startswith(GROUP) else ("user", word, _users([word]))
            if not known:
                message = f"`{key}`: {kind} `{name}` does not exist"
                found.append(warning(places.get(f"control.{key}", Origin(path)), message, _instead(kind, name)))
    return found


def _instead(kind: str, name: str) -> str:
    if kind == "user" and known_group(name):
        return f'write `"{GROUP}{name}"`: that is the group'
    if kind == "group" and known_user(name):
        return f'write `"{name}"`: that is the user'
    return (did_you_mean(name, user_names()) if kind == "user" else "") or f"{kind}add {name}"


def _users(words: Iterable[str]) -> frozenset[int]:
    return frozenset(uid for word in words if not word.startswith(GROUP) for uid in _number(uid_of, word))


def _groups(words: Iterable[str]) -> frozenset[int]:
    return frozenset(gid for word in words if word.startswith(GROUP) for gid in _number(gid_of, word[1:]))


def _number(look: object, name: str) -> tuple[int, ...]:
    assert callable(look)
    try:
        return (look(name),)
    except KeyError:
        return ()
