"""One xinetd service section and the defaults → a ``Service``. Checks the whole entry; reads no file.

Every attribute keeps xinetd's meaning and default (confparse.c, service_fill and service_attr_check).

Runs in: the reading child, the operator's commands. Pure.
"""

from __future__ import annotations

from pydantic import ValidationError

from superd.config.toml.model_errors import explain_errors
from superd.config.xinetd import attributes as attribute
from superd.config.xinetd import values
from superd.config.xinetd.addresses import is_name
from superd.config.xinetd.draft import Draft, Surroundings
from superd.config.xinetd.program import program, rpc
from superd.config.xinetd.section import Section
from superd.config.xinetd.socket import sockets
from superd.problem import Origin, Severity, note, warning
from superd.service import Service

_TYPES = ("INTERNAL", "RPC", "UNLISTED", "SPECIAL", "TCPMUX", "TCPMUXPLUS")
_SUCCESS = ("HOST", "PID", "EXIT", "DURATION", "USERID", "TRAFFIC")
_FAILURE = ("HOST", "USERID", "ATTEMPT")

_NULL = frozenset({"instances", "per_source", "cps"})


def make_service(name: str, section: Section, origin: Origin, around: Surroundings) -> Service | None:
    """The service of one entry, or ``None`` when it has an error; the problems are added to ``section``."""
    draft = Draft(name, section, origin, around)
    types = _kind(draft)
    disable = [values.yes(line, section) for line in draft.all("disable")]
    draft.keys["disable"] = any(disable)
    wait = draft.own("wait")
    if wait is None:
        draft.missing("wait")
    else:
        draft.keys["wait"] = values.yes(wait, section)
    if line := draft.own("id"):
        draft.keys["name"] = line.values[0]
    sockets(draft, types)
    program(draft, types)
    _limits(draft)
    _access(draft)
    _logs(draft)
    rpc(draft, types)
    draft.keys |= {"type": types, "flags": draft.flags}
    if draft.keys.get("socket_type") == "dgram" and draft.keys.get("wait") is False and "server" in draft.keys and wait:
        section.problems.append(
            warning(
                wait.origin,
                "dgram with `wait = no`: a connected socket for each peer; xinetd looped without end",
                "write `wait = yes`",
            )
        )
    try:
        made = Service.model_validate({key: value for key, value in draft.keys.items() if value is not None or key in _NULL})
    except ValidationError as bad:
        places = {key: line.origin for key in draft.keys if (line := draft.get(key)) is not None}
        known = {problem.origin for problem in section.problems if problem.severity is Severity.ERROR}
        found = explain_errors(bad, places, origin, Service)
        # Without the wrong lines something may be missing: what is said of the whole is another fault only where all are right.
        section.problems += [each for each in found if not section.broken or each.origin not in (*known, origin)]
        section.broken = True
    return None if section.broken else made


def _kind(draft: Draft) -> set[str]:
    """Types, and flags into the draft."""
    types = draft.choose(draft.section.lines.get("type", []), _TYPES)
    known = (*attribute.FLAGS, *attribute.DROPPED_FLAGS, "LABELED")
    flags = draft.choose(draft.section.lines.get("flags", []), known)
    line = draft.own("flags")
    if line is not None:
        if "LABELED" in flags:
            draft.section.fail(line, "`LABELED`: superd sets no SELinux label from the peer", "remove the flag")
        for word in sorted(flags):
            if attribute.DROPPED_FLAGS.get(word):
                draft.section.warn(line, f"`{word}` is ignored: {attribute.DROPPED_FLAGS[word]}")
    if flags & {"IPV4", "IPV6"}:
        draft.family = "4" if "IPV6" not in flags else "6"
    draft.flags = flags & set(attribute.FLAGS)
    return types


def _limits(draft: Draft) -> None:
    """How many, how often, when, and what the program may use."""
    section, keys = draft.section, draft.keys
    for name in ("instances", "per_source"):
        if line := draft.get(name):
            value = values.number(line, section, low=-1)
            if line.values[0] == "-1":
                section.fail(line, f"`{name} = -1`", "write UNLIMITED")
            keys[name] = None if value == -1 else value
    if line := draft.get("cps"):
        try:
            rate, pause = (int(word) if word.isascii() and word.isdecimal() and len(word) < 10 else -1 for word in line.values)
        except ValueError:
            rate = pause = -1
        if not (0 <= rate < 2**31 and 0 <= pause < 2**31):
            section.fail(line, f"`cps = {' '.join(line.values)[:40]}` is not a rate and seconds")
        keys["cps"] = [float(rate), float(pause)] if rate > 0 else None
    if line := draft.get("max_load"):
        try:
            keys["max_load"] = float(line.values[0])
        except ValueError:
            keys["max_load"] = 0.0
        if not 0 < keys["max_load"] < 1e6:
            section.fail(line, f"`max_load = {line.values[0][:40]}` is not a load above 0")
    for name in ("rlimit_as", "rlimit_data", "rlimit_rss", "rlimit_stack", "rlimit_files", "rlimit_cpu"):
        if line := draft.get(name):
            keys[name] = values.size(line, section)
    if line := draft.get("umask"):
        keys["umask"] = values.number(line, section, high=0o777, base=8)
    if line := draft.get("nice"):
        value = values.number(line, section, low=1 - 2**31)
        if value is not None and not -20 <= value <= 19:
            value = max(-20, min(value, 19))
            section.warn(line, f"`nice = {line.values[0]}` is read as {value}, as the kernel does", f"write `nice = {value}`")
        keys["nice"] = value
    if line := draft.get("groups"):
        keys["groups"] = values.yes(line, section)
    if line := draft.get("access_times"):
        keys["access_times"] = values.hours(line, section)
    if line := draft.get("deny_time"):
        word = line.values[0].upper()
        keys["deny_time"] = word if word in ("FOREVER", "NEVER") else values.number(line, section)


def _access(draft: Draft) -> None:
    """Who may connect, which banners they get, what the program finds in its environment."""
    for name in ("only_from", "no_access"):
        found = draft.around.addresses.read(draft.all(name), draft.section)
        if found is not None:
            draft.keys[name] = found
        _names(draft, name, found or [])
    draft.text("banner", "banner_success", "banner_fail")
    names = values.words(draft.all("passenv"))
    for word in names or ():
        if "=" in word or not word.isascii():
            text = f"`{word[:80]}` in `passenv` is not a variable's name; xinetd passed nothing for it"
            draft.section.warn(draft.all("passenv")[-1], text, f"write `env = {word[:80]}`" if "=" in word else "")
    draft.keys["passenv"] = ["*"] if names is None else names
    pairs: dict[str, str] = {}
    for line in draft.section.lines.get("env", []):
        for word in line.values:
            variable, sign, value = word.partition("=")
            if not sign or not variable:
                draft.section.fail(line, f"`{word[:80]}` in `env` is not NAME=value")
            pairs[variable] = value
    draft.keys["env"] = pairs


def _names(draft: Draft, attribute: str, words: list[str]) -> None:
    """Say at the line that xinetd had no names for most clients of a socket of both families, and superd has them."""
    if draft.family == "4" or draft.keys.get("v6only") or draft.keys.get("listen", ["*"]) != ["*"]:
        return
    for line in draft.all(attribute):
        name = next((word for word in line.values if is_name(word) and word in words), "")
        if name and line.operator != "-=":
            does = "refused none of them" if attribute == "no_access" else "admitted none of them"
            text = f"{attribute}: `{name}` means IPv4 clients too; xinetd knew no names of theirs here, and {does}"
            draft.section.problems.append(note(line.origin, text))


def _logs(draft: Draft) -> None:
    """What is logged, and where."""
    draft.keys["log_on_success"] = draft.choose(draft.all("log_on_success"), _SUCCESS)
    draft.keys["log_on_failure"] = draft.choose(draft.all("log_on_failure"), _FAILURE)
    if "TRAFFIC" in draft.keys["log_on_success"] and "redirect" not in draft.keys:
        mine = [line for line in draft.section.lines.get("log_on_success", []) if "TRAFFIC" in map(str.upper, line.values)]
        if mine:
            draft.section.fail(mine[0], "`TRAFFIC` needs `redirect`; xinetd disabled the service")
        else:
            line = draft.around.defaults["log_on_success"][0]
            draft.section.warn(
                line, f"`TRAFFIC` in defaults is left out for `{draft.name}`; xinetd disabled what has no `redirect`"
            )
            draft.keys["log_on_success"] -= {"TRAFFIC"}
    if line_ := draft.get("log_type"):
        draft.keys["log_type"] = values.log_type(line_, draft.section)
    elif "IDONLY" not in draft.flags:
        _nobody_asked(draft)
    if "IDONLY" in draft.flags and "USERID" not in draft.keys["log_on_success"]:
        flags = draft.own("flags")
        assert flags is not None
        draft.section.fail(flags, "`IDONLY` needs USERID in `log_on_success`; xinetd disabled the service")


def _nobody_asked(draft: Draft) -> None:
    """USERID without a log: xinetd wrote no line, so it asked no ident server, and no client waited for one."""
    for name in ("log_on_success", "log_on_failure"):
        if "USERID" in draft.keys[name]:
            line = next(line for line in draft.all(name) if "USERID" in map(str.upper, line.values))
            text = f"`USERID` in `{name}` is left out: without `log_type` xinetd logged nothing and asked no ident server"
            draft.section.problems.append(note(line.origin, text, "add a line `log_type = SYSLOG daemon`"))
            draft.keys[name] -= {"USERID"}
