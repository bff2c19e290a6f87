"""A socket unit and its service unit → ``Foreign``: the keys of superd that do the same, and every setting that none does.

Runs in: the operator's commands. Pure. Never: drops a setting in silence, or makes a service that would admit more clients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from superd.address import SocketType, parse_listen
from superd.config.foreign import Foreign
from superd.config.systemd.confining import confining
from superd.config.systemd.convert import SIMPLE, address, is_network, rlimit
from superd.config.systemd.unit import Setting, Unusual, plain, read_unit, truth, values_of, words
from superd.config.toml.model_errors import explain_errors
from superd.problem import Origin, Problem, error, errors, note, warning
from superd.service import Service

Units = Mapping[str, bytes]
"""The texts of a unit and of its drop-ins by their paths, in the order that they are read."""

_TYPES = {
    "ListenStream": SocketType.STREAM,
    "ListenDatagram": SocketType.DGRAM,
    "ListenSequentialPacket": SocketType.SEQPACKET,
}
_RLIMITS = {
    "LimitAS": "rlimit_as", "LimitCPU": "rlimit_cpu", "LimitDATA": "rlimit_data", "LimitRSS": "rlimit_rss",
    "LimitSTACK": "rlimit_stack", "LimitNOFILE": "rlimit_files", "LimitNPROC": "rlimit_nproc", "LimitCORE": "rlimit_core",
    "LimitFSIZE": "rlimit_fsize",
}  # fmt: skip
_NETWORKS = {
    "localhost": ("127.0.0.0/8", "::1"), "link-local": ("169.254.0.0/16", "fe80::/64"), "any": ("ALL",),
    "multicast": ("224.0.0.0/4", "ff00::/8"),
}  # fmt: skip
_QUIET = frozenset({
    "Type", "Service", "Restart", "RestartSec", "RemainAfterExit", "StandardInput", "StandardOutput", "StandardError", "Accept",
    "RemoveOnStop", "FileDescriptorName", "SyslogIdentifier", "SuccessExitStatus", "Slice", "GuessMainPID",
    "TriggerLimitIntervalSec", "TriggerLimitBurst", "PollLimitIntervalSec", "PollLimitBurst", "MaxConnections",
    "MaxConnectionsPerSource", "ExecStart", "KillMode", "IPAddressAllow", "IPAddressDeny", "MemoryAccounting", "CPUAccounting",
    "TasksAccounting", "IOAccounting", "IPAccounting", "SystemCallErrorNumber", "PrivateMounts", *_TYPES,
})  # fmt: skip
"""Settings that are carried over elsewhere, or that only say when systemd starts what superd starts by itself."""
_CONFINING = (
    "Protect", "Private", "Restrict", "SystemCall", "Capability", "ReadOnly", "ReadWrite", "Inaccessible", "NoNew", "Lock",
    "Memory", "CPU", "Tasks", "IO", "Device", "AppArmor", "SELinux", "Ambient", "Secure", "Bind", "Root", "TemporaryFile",
    "ProcSubset", "NoExec", "ExecPaths", "KeyringMode", "RemoveIPC", "SmackProcessLabel",
)  # fmt: skip
_OFF = ("no", "false", "off", "0", "n", "f", "default", "infinity")
_NEAREST = {
    "ProtectProc": "`private_pids = true` in [sandbox] hides the processes of others",
    "ProcSubset": "`private_pids = true` in [sandbox] hides the processes of others",
    "ProtectKernelTunables": "a program of another user than root cannot write them either",
    "PrivateDevices": "a program of another user than root cannot open most devices either",
    "RestrictSUIDSGID": "`no_new_privs = true` in [sandbox] lets such files give no rights",
    "MemoryHigh": "`memory` in [limits] ends a program that needs more",
    "PrivateUsers": "`capabilities = []` in [sandbox] leaves the program no right of root",
}
"""What comes near, where a key does."""
MAX_CONNECTIONS = 64
"""systemd.socket(5): the default of MaxConnections=."""


def parse(name: str, socket: Units, service: Units) -> Foreign:
    """The service ``name`` of both units, or every reason why there is none."""
    draft = _Draft(name)
    for units in (socket, service):
        for path, data in units.items():
            settings, wrong = read_unit(data, path)
            draft.settings += settings
            draft.problems += wrong
    whole = Origin(next(iter(socket), name))
    draft.whole = whole
    for step in (draft.sockets, draft.program, draft.clients, draft.simple, draft.confined, draft.rest):
        step()
    wrong_lines = {problem.origin for problem in errors(draft.problems)}
    try:
        made = Service.model_validate({"name": name, **draft.keys})
    except ValidationError as problem:
        found = explain_errors(problem, draft.origins, whole, Service)
        # Without the wrong settings keys are missing: what is said of the whole is another fault only where all are right.
        draft.problems += [each for each in found if not wrong_lines or each.origin not in (*wrong_lines, whole)]
    if errors(draft.problems):
        named = ((key.removeprefix("socket_"), key) for key in ("user", "group", "socket_user", "socket_group", "server"))
        here = tuple((kind, str(draft.keys[key]), draft.origins.get(key, whole)) for kind, key in named if key in draft.keys)
        return Foreign(problems=tuple(draft.problems), unserved=here)
    origins = {(name, ""): whole} | {(name, key): origin for key, origin in draft.origins.items()}
    about = tuple(item.value for item in values_of(draft.settings, "Unit", "Description"))
    return Foreign((made,), origins, tuple(draft.problems), {name: about} if about else {})


class _Draft:
    def __init__(self, name: str) -> None:
        self.name = name
        self.whole = Origin(name)
        self.settings: list[Setting] = []
        self.problems: list[Problem] = []
        self.keys: dict[str, Any] = {"limits": {}, "sandbox": {}}
        self.origins: dict[str, Origin] = {}
        self.taken: set[str] = set()

    def last(self, section: str, key: str) -> Setting | None:
        found = values_of(self.settings, section, key)
        return found[-1] if found else None

    def lost(self, where: Origin, message: str, hint: str = "") -> None:
        self.problems.append(error(where, message, hint))

    def yes(self, item: Setting | None) -> bool:
        """Whether a switch is on; one that is neither on nor off is noted."""
        try:
            return item is not None and truth(item.value)
        except Unusual as problem:
            assert item is not None
            self.lost(item.origin, f"{item.key}: {problem}")
            return False

    def put(self, key: str, value: object, origin: Origin) -> None:
        table, dot, inner = key.partition(".")
        if dot:
            self.keys[table][inner] = value
        else:
            self.keys[key] = value
        self.origins[key] = origin

    def word(self, section: str, key: str, default: str) -> str:
        found = self.last(section, key)
        return found.value if found is not None else default

    def sockets(self) -> None:
        """Where it listens, and whether each connection has a program of its own."""
        listen: list[Setting] = []
        for item in self.settings:
            if item.section == "Socket" and item.key in _TYPES:
                listen = [*listen, item] if item.value else []  # an empty one clears those before it
        if not listen:
            self.lost(self.whole, "no ListenStream=, ListenDatagram= or ListenSequentialPacket=")
            return
        kinds = {_TYPES[item.key] for item in listen}
        if len(kinds) > 1:
            self.lost(listen[-1].origin, "streams and datagrams in one unit", "import a unit of its own for each")
        kind = _TYPES[listen[0].key]
        addresses = []
        for item in listen:
            try:
                addresses.append(address(plain(item.value)))
                parse_listen(addresses[-1], kind)
            except (Unusual, ValueError) as problem:
                self.lost(item.origin, f"{item.key}: {problem}")
        self.put("listen", tuple(dict.fromkeys(addresses)), listen[0].origin)
        if kind is not SocketType.STREAM:
            self.put("socket_type", kind, listen[0].origin)
        accept = self.last("Socket", "Accept")
        each = self.yes(accept)
        self.put("wait", not each, accept.origin if accept is not None else listen[0].origin)
        if each:
            self.put("instances", MAX_CONNECTIONS, self.whole)
        for key, name in (("instances", "MaxConnections"), ("per_source", "MaxConnectionsPerSource")):
            limit = self.last("Socket", name)
            if limit is None:
                continue
            if not (limit.value.isdecimal() and limit.value.isascii() and len(limit.value) < 10):
                self.lost(limit.origin, f"{name}: `{limit.value}` is not a number")
            elif each and (key, limit.value) != ("per_source", "0"):
                self.put(key, int(limit.value), limit.origin)

    def program(self) -> None:
        """ExecStart=, and what its descriptors are."""
        commands = values_of(self.settings, "Service", "ExecStart")
        where = commands[-1].origin if commands else self.whole
        if len(commands) != 1:
            self.lost(
                where, f"{len(commands)} lines of ExecStart=; superd starts one program", "name a script that does all of it"
            )
        else:
            self._command(commands[0])
        if (taken := self.last("Service", "StandardInput")) is None or taken.value != "socket":
            hint = "its program finds the socket at descriptor 3; superd gives it descriptors 0 and 1"
            self.lost(taken.origin if taken is not None else where, "no StandardInput=socket", hint)
        given = self.last("Service", "StandardOutput")
        if given is not None and given.value not in ("inherit", "socket"):
            self.lost(given.origin, f"StandardOutput={given.value}: superd connects output to the client as well")
        errors_to = self.word("Service", "StandardError", "inherit")
        self.put("stderr", "socket" if errors_to in ("inherit", "socket") else "log", where)
        self._user(where)

    def _command(self, command: Setting) -> None:
        text = command.value
        prefix = text[: len(text) - len(text.lstrip("@-:+!"))]
        if set(prefix) & set("+!:"):
            self.lost(command.origin, f"ExecStart: the prefix `{prefix}` has no counterpart")
        try:
            line = [plain(word) for word in words(text[len(prefix) :])]
        except Unusual as problem:
            self.lost(command.origin, f"ExecStart: {problem}", "write a script that does it, and name the script")
            return
        if not line or not line[0].startswith("/"):
            self.lost(command.origin, "ExecStart: the program needs its whole path")
            return
        self.put("server", line[0], command.origin)
        if "@" in prefix:
            self.keys["flags"] = ("NAMEINARGS",)
        if line[1:]:
            self.put("server_args", tuple(line[1:]), command.origin)

    def _user(self, where: Origin) -> None:
        user, dynamic = self.last("Service", "User"), self.last("Service", "DynamicUser")
        if dynamic is not None and self.yes(dynamic):
            self.lost(
                dynamic.origin,
                "DynamicUser: superd takes no user by itself",
                "name one: `User=nobody`, or a range in `[sandbox]` `dynamic_user`",
            )
        if user is None:
            self.put("user", "root", where)
        else:
            self._convert("user", str, user)
            self.put("login_environment", True, user.origin)
            self.put("groups", True, user.origin)  # systemd gives a user all its groups
        if self.word("Service", "KillMode", "control-group") in ("process", "none"):
            self.put("leftovers", "keep", where)

    def clients(self) -> None:
        """IPAddressAllow= and IPAddressDeny=, where superd's lists can say the same."""
        allow, deny = self._networks("IPAddressAllow"), self._networks("IPAddressDeny")
        where = (values_of(self.settings, "Service", "IPAddressDeny") or [None])[0]  # type: ignore[list-item]
        origin = where.origin if where is not None else self.whole
        if "ALL" in deny:
            self.put("only_from", tuple(allow), origin)
        elif deny and allow:
            self.lost(origin, "IPAddressAllow= wins over IPAddressDeny=, and superd's no_access wins over only_from")
        elif deny:
            self.put("no_access", tuple(deny), origin)

    def _networks(self, key: str) -> list[str]:
        found: list[str] = []
        for section in ("Socket", "Service"):
            for item in values_of(self.settings, section, key):
                for word in item.value.split():
                    found += _NETWORKS.get(word, (word,))
                    if word not in _NETWORKS and not is_network(word):
                        self.lost(item.origin, f"{key}: `{word}` is not an address or a network")
        return list(dict.fromkeys(found))

    def simple(self) -> None:
        """Settings that one key takes as they are."""
        for section, name, key, convert in SIMPLE:
            for item in values_of(self.settings, section, name)[-1:]:
                self._convert(key, convert, item)
        for name, key in _RLIMITS.items():
            for item in values_of(self.settings, "Service", name)[-1:]:
                self._convert(key, rlimit, item)
        lists: dict[str, list[str]] = {"env_file": [], "passenv": []}
        pairs: dict[str, str] = {}
        for item in values_of(self.settings, "Service", "Environment"):
            try:
                for word in words(item.value):
                    variable, equals, value = plain(word).partition("=")
                    if not equals:
                        self.lost(item.origin, f"Environment: `{word}` is not NAME=VALUE")
                        continue
                    pairs[variable] = value
                    self.origins["env"] = item.origin
            except Unusual as problem:
                self.lost(item.origin, f"Environment: {problem}")
        for name, key in (("EnvironmentFile", "env_file"), ("PassEnvironment", "passenv")):
            for item in values_of(self.settings, "Service", name):
                lists[key] += [item.value] if key == "env_file" else item.value.split()
                self.put(key, tuple(lists[key]), item.origin)
        if pairs:
            self.keys["env"] = pairs
        flags = list(self.keys.get("flags", ()))
        for name, flag in (("KeepAlive", "KEEPALIVE"), ("NoDelay", "NODELAY")):
            if self.yes(self.last("Socket", name)):
                flags.append(flag)
        if flags:
            self.keys["flags"] = tuple(flags)

    def _convert(self, key: str, convert: Callable[[str], object], item: Setting) -> None:
        try:
            value = convert(plain(item.value))
        except (Unusual, ValueError) as problem:
            self.lost(item.origin, f"{item.key}: {problem}")
        else:
            if value is not None:
                self.put(key, value, item.origin)

    def confined(self) -> None:
        """What the program is kept from, and what it may use."""
        found = confining(self.settings)
        for key, value in found.keys.items():
            self.put(key, value, found.origins[key])
        self.problems += found.problems
        self.taken = found.taken

    def rest(self) -> None:
        """Each setting that no key of superd has: what confines a program is a warning, all else a note."""
        taken = self.taken | {name for _, name, *_ in SIMPLE} | set(_RLIMITS) | {
            "Environment", "EnvironmentFile", "PassEnvironment", "KeepAlive", "NoDelay", "User", "DynamicUser",
        }  # fmt: skip
        for item in self.settings:
            if item.key in taken or item.key in _QUIET or item.section in ("Install", "Unit") or not item.value:
                continue
            said = f"`{item.key}={item.value}`"
            if item.key.startswith("Listen"):
                self.lost(item.origin, f"{said} has no counterpart")
            elif item.key.startswith(_CONFINING):
                if item.value.lower() not in _OFF:
                    hint = _NEAREST.get(item.key, "keep the unit where it matters")
                    self.problems.append(warning(item.origin, f"{said} is lost: it confined the program", hint))
            elif item.key.startswith("Exec"):
                self.lost(item.origin, f"{said} has no counterpart", "name a script in ExecStart= that does it")
            else:
                self.problems.append(note(item.origin, f"{said} has no counterpart"))
