"""What one service file alone cannot show: clashes, users, programs, names, what any client may reach. Pure: facts come in.

Runs in: the reading child, the operator's commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from superd.address import BindAddress, SocketType
from superd.config.checks.groups import check_groups
from superd.config.checks.sandboxes import check_ranges, check_sandbox
from superd.config.checks.shadows import shadowed
from superd.frozen import frozen
from superd.key_conflicts import conflicts
from superd.log_target import FileTarget
from superd.problem import Origin, Problem, did_you_mean, error, note, warning
from superd.service import INTERNALS

if TYPE_CHECKING:
    from superd.cgroup import GroupPlan
    from superd.sandbox import Sandbox
    from superd.service import Service


STREAM_ONLY = ("tcpmux", "auth")


@frozen
class Host:
    """What the checks ask of the host: each answers about one name; ``program`` says what is wrong, or nothing."""

    users: Callable[[str], bool]
    groups: Callable[[str], bool]
    program: Callable[[str], str]
    readable: Callable[[str], bool]
    user_names: tuple[str, ...]
    root: bool
    folder: Callable[[str], str] = lambda _: ""
    """What is wrong with a folder, or nothing."""
    not_only_root: Callable[[str], str] = lambda _: ""
    """How another user than root can change a program."""
    own_names: frozenset[str] = frozenset()
    """What this process's own user is called: by name and by number."""
    log_file: Callable[[str], str] = lambda _: ""
    """Why root may not append to a log file."""
    sandbox: Callable[[Sandbox], str] = lambda _: ""
    """Why this host cannot keep a program from what the table says."""
    inside: Callable[[str, str], str] = lambda root, path: root + path
    """Where a path is to this host that a program sees whose / is the first one."""
    account_in: Callable[[range], str] = lambda _: ""
    """The name of a user whose id is in a range, or nothing."""
    group: Callable[[GroupPlan], str] = lambda _: ""
    """Why programs can have no such groups of processes."""
    socket_folder: Callable[[str, tuple[str, ...]], str] = lambda _path, _users: ""
    """How others than root and these users can change the folder of a unix socket."""


def check(services: Mapping[str, Service], origins: Mapping[tuple[str, str], Origin], host: Host) -> list[Problem]:
    """Everything that is wrong with these services together."""
    found: list[Problem] = []
    for service in services.values():
        found += _check_one(service, origins, host)
    found += _clashes(services, origins)
    found += _mux(services, origins)
    found += _unlogged(services, origins)
    found += _as_superd(services, origins, host)
    found += check_ranges(services, lambda name, key: _at(origins, name, key))
    found += check_groups(services, origins, host.group)
    return found


def _as_superd(services: Mapping[str, Service], origins: Mapping[tuple[str, str], Origin], host: Host) -> list[Problem]:
    """One note for all services whose programs cannot have their user, because superd is not root."""
    if host.root:
        return []
    mine = [service for service in services.values() if service.server and service.user and service.user not in host.own_names]
    if not mine:
        return []
    names = ", ".join(f"`{service.name}`" for service in mine[:5]) + (f" and {len(mine) - 5} more" if len(mine) > 5 else "")
    users = ", ".join(f"`{user}`" for user in sorted({service.user for service in mine})[:5])
    what = "the program of" if len(mine) == 1 else "the programs of"
    verb = "runs" if len(mine) == 1 else "run"
    message = f"not root: {what} {names} {verb} as superd's own user, not as {users}"
    return [note(_at(origins, mine[0].name, "user"), message)]


def _unlogged(services: Mapping[str, Service], origins: Mapping[tuple[str, str], Origin]) -> list[Problem]:
    """One note for all services of an xinetd.conf that log nothing, because that is xinetd's default and easily missed."""
    names = [
        service.name
        for service in services.values()
        if service.log_style == "xinetd" and not service.disable and not service.log_on_success and not service.log_on_failure
    ]
    if not names:
        return []
    shown = ", ".join(f"`{name}`" for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    verb = "logs" if len(names) == 1 else "log"
    message = f"{shown} {verb} nothing, refusals included: log_on_success and log_on_failure are empty"
    place = _at(origins, names[0], "")
    words = ('["HOST", "PID", "EXIT"]', '["HOST"]') if place.file.endswith(".toml") else ("HOST PID EXIT", "HOST")
    return [note(place, message, f"set `log_on_success = {words[0]}` and `log_on_failure = {words[1]}`")]


def _at(origins: Mapping[tuple[str, str], Origin], name: str, key: str) -> Origin:
    return origins.get((name, key)) or origins.get((name, key.partition(".")[0])) or origins.get((name, ""), Origin(name))


def _it(fault: str) -> str:
    return fault if fault.startswith("the folder") or fault.startswith("`") else f"it {fault}"


def check_kinds(service: Service, origins: Mapping[tuple[str, str], Origin], *, access_alone: bool = False) -> list[Problem]:
    """An error for each key that has no effect for this kind of service.

    ``access_alone`` is for another daemon's files, which want keys that have no effect: only what closes a service is wrong.
    """
    problems: list[Problem] = []
    for item in conflicts(service):
        if item.closes or not access_alone:
            place, message = _at(origins, service.name, item.key.partition(" ")[0]), item.message
            # A line of the defaults is right for the other services that have it: this one alone is wrong.
            if any(other == place for (name, _), other in origins.items() if name != service.name):
                message = f"{message}; `{service.name}` has it from {place}"
                place = origins.get((service.name, ""), place)
            problems.append(error(place, message, item.hint))
    return problems


def check_unserved(words: Iterable[tuple[str, str, Origin]], host: Host) -> list[Problem]:
    """What this host has not of an entry that has another error: all that is wrong is said in one run."""
    found: list[Problem] = []
    for key, value, place in words:
        if key == "user" and not host.users(value):
            found.append(error(place, f"user `{value}` does not exist", did_you_mean(value, host.user_names)))
        elif key == "group" and not host.groups(value):
            found.append(error(place, f"group `{value}` does not exist"))
        elif key == "server" and value.startswith("/") and (wrong := host.program(value)):
            found.append(error(place, f"`{value}` {wrong}"))
    return found


def _check_one(service: Service, origins: Mapping[tuple[str, str], Origin], host: Host) -> list[Problem]:
    found: list[Problem] = []
    name = service.name

    def at(key: str) -> Origin:
        return _at(origins, name, key)

    for key, user in (("user", service.user), ("socket_user", service.socket_user)):
        if user and not host.users(user):
            found.append(error(at(key), f"user `{user}` does not exist", _user_hint(key, user, host)))
    more = [("groups", group) for group in (service.groups if isinstance(service.groups, tuple) else ())]
    for key, group in [("group", service.group), ("socket_group", service.socket_group), *more]:
        if group and not host.groups(group):
            found.append(error(at(key), f"group `{group}` does not exist"))
    if service.a_program_for_each_sender and service.most_instances is None:
        message = "instances = UNLIMITED: each forged sender of a datagram starts one more program"
        found.append(warning(at("instances"), message, "set `instances = 64`, or another number"))
    server, directory = (
        host.inside(service.sandbox.root, path) if service.sandbox.root and path.startswith("/") else path
        for path in (service.server, service.directory)
    )
    if service.server:
        if not service.server.startswith("/"):
            if "/" in service.server:
                hint = "give the whole path; `directory` names the folder that the program starts in"
            else:
                hint = _server_hint(service, host) or f'write `server = "/usr/bin/{service.server}"`'
            found.append(error(at("server"), f"`{service.server}` is not an absolute path", hint))
        elif wrong := host.program(server):
            found.append(error(at("server"), f"`{server}` {wrong}", _server_hint(service, host)))
        elif (
            host.root
            and service.user in ("", "root", "0")
            and not service.sandbox.users
            and (wrong := host.not_only_root(server))
        ):
            hint = f"let root alone change it, or give the service another `user` (ls -ld {server})"
            found.append(error(at("server"), f"`{server}` runs as root, and {_it(wrong)}", hint))
    if service.directory.startswith("/") and (wrong := host.folder(directory)):
        found.append(error(at("directory"), f"`{directory}` {wrong}", f"mkdir {directory}"))
    found += check_sandbox(service, at, host)
    if service.internal and service.internal not in INTERNALS:
        hint = did_you_mean(service.internal, INTERNALS) or "internal are " + ", ".join(INTERNALS)
        found.append(error(at("type"), f"no internal service `{service.internal}`", hint))
    if service.internal in STREAM_ONLY and service.socket_type is not SocketType.STREAM:
        found.append(error(at("socket_type"), f"`{service.internal}` speaks over streams only"))
    if (
        service.socket_type is SocketType.DGRAM
        and service.server
        and not service.wait
        and any(a.path for a in service.addresses())
    ):
        found.append(error(at("wait"), "datagrams of a unix socket have no peer to connect to", "wait = true"))
    if not service.addresses() and not service.mux_client and "RPC" not in service.type:
        hint = 'write `port = NUMBER`, or `listen = ["ADDRESS:PORT"]`'
        found.append(error(at(""), "the service has nothing to listen on", hint))
    for word, other in shadowed(service.only_from or (), service.no_access):
        # As in xinetd, although its manual says that the better match wins.
        message = f"`{word}` can never connect: `{other}` in no_access ({at('no_access')}) wins"
        found.append(warning(at("only_from"), message, f"remove `{word}` here, or `{other}` there"))
    for key in ("banner", "banner_success", "banner_fail"):
        path = getattr(service, key)
        if path and not host.readable(path):
            found.append(warning(at(key), f"banner `{path}` cannot be read"))
    path = service.log_type.path if isinstance(service.log_type, FileTarget) else ""
    folder = path.rpartition("/")[0]
    if folder and (wrong := host.log_file(path)):
        found.append(error(at("log_type"), wrong, "log to a folder that only root or the service's user can change"))
    elif folder and not host.readable(folder):
        message = f"log folder `{folder}` does not exist; the service logs to superd's own log"
        found.append(warning(at("log_type"), message, f"mkdir {folder}"))
    for address in service.addresses():
        if address.path.startswith("/") and (wrong := host.socket_folder(address.path, (service.socket_user, service.user))):
            hint = "use a folder that only root or the socket's owner can change"
            found.append(error(at("listen"), f"`{address.path}`: {wrong}", hint))
    return found


def _user_hint(key: str, user: str, host: Host) -> str:
    """The user and the group where both stand in one word, as chown(1) has them."""
    name, sign, group = user.partition(":") if ":" in user else user.partition(".")
    if sign and host.users(name) and host.groups(group):
        return f'write `{key} = "{name}"` and `{key.replace("user", "group")} = "{group}"`'
    return did_you_mean(user, host.user_names)


def _server_hint(service: Service, host: Host) -> str:
    """The program and its arguments where both stand in `server`."""
    words = service.server.split()
    if len(words) < 2 or (words[0].startswith("/") and host.program(words[0])):
        return ""
    arguments = ", ".join(f'"{word}"' for word in words[1:])
    path = words[0] if words[0].startswith("/") else f"/usr/bin/{words[0]}"
    return f'write `server = "{path}"` and `server_args = [{arguments}]`'


def _mux(services: Mapping[str, Service], origins: Mapping[tuple[str, str], Origin]) -> list[Problem]:
    """What is reached through tcpmux needs one, and names that differ (RFC 1078 does not tell cases apart)."""
    found: list[Problem] = []
    taken: dict[str, str] = {}
    clients = [service for service in services.values() if service.mux_client]
    for service in clients:
        where = _at(origins, service.name, "type")
        owner = taken.setdefault(service.service.lower(), service.name)
        if owner != service.name:
            there = _at(origins, owner, "type")
            hint = f"give `{service.name}` or `{owner}` another `service`"
            found.append(error(where, f"tcpmux knows `{service.service}` as service `{owner}` ({there})", hint))
    if clients and not any(service.internal == "tcpmux" for service in services.values()):
        where = _at(origins, clients[0].name, "type")
        hint = 'write a service `tcpmux` with `type = "INTERNAL"`'
        found.append(warning(where, "no client can reach it: no service `tcpmux` is served", hint))
    return found


def _clashes(services: Mapping[str, Service], origins: Mapping[tuple[str, str], Origin]) -> list[Problem]:
    taken: dict[tuple[object, ...], list[tuple[BindAddress, str]]] = {}
    found: list[Problem] = []
    for service in services.values():
        for address in service.addresses():
            place = (address.socket_type, address.port, address.path)
            wild = address.host in _WILDCARDS
            # A single address overlaps with itself and the wildcards alone: a list of thousands is not held against itself.
            rivals = taken.get((*place, "all"), ()) if wild else [*taken.get((*place, address.host), ()), *taken.get(place, ())]
            for other, owner in rivals:
                if address.overlaps(other):
                    where, there = _place(origins, service.name), _place(origins, owner)
                    hint = f"give `{service.name}` or `{owner}` another address, or set `disable = true` in one of them"
                    found.append(error(where, f"{address.describe()} is taken by service `{owner}` ({there})", hint))
            for key in ((*place, "all"), place if wild else (*place, address.host)):
                taken.setdefault(key, []).append((address, service.name))
    return found


_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 - compared, not bound


def _place(origins: Mapping[tuple[str, str], Origin], name: str) -> Origin:
    return origins.get((name, "port")) or origins.get((name, "listen")) or _at(origins, name, "")
