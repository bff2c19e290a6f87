"""``superd xinetd …``: xinetd's command line for init scripts. Only translates; ``superd.cli.run`` serves."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

EX_USAGE = 64
_WITH_VALUE = ("-f", "-pidfile", "-limit", "-filelog", "-syslog", "-logprocs", "-cc", "-shutdownprocs")
_ALONE = ("-dontfork", "-stayalive", "-inetd_compat", "-inetd_ipv6", "-reuse", "-version", "-d")


@dataclass(frozen=True, slots=True)
class XinetdOptions:
    """xinetd(8)'s options. ``files`` are read in order; ``facility`` is a syslog facility, ``log_file`` a path."""

    config: str = "/etc/xinetd.conf"
    inetd: tuple[str, ...] = ()
    pidfile: str = ""
    foreground: bool = False
    stay_alive: bool = False
    limit: int | None = None
    log_file: str = ""
    facility: str = ""
    debug: bool = False
    version: bool = False
    ignored: tuple[str, ...] = ()


def translate(arguments: Sequence[str]) -> XinetdOptions:
    """Raises ``ValueError`` for an unknown option or value; xinetd took unknown ones in silence."""
    values: dict[str, str] = {}
    words = list(arguments)
    ignored = []
    while words:
        word = words.pop(0)
        if word in _WITH_VALUE:
            if not words:
                raise ValueError(f"`{word}` needs a value")
            values[word] = words.pop(0)
            if word in ("-logprocs", "-cc", "-shutdownprocs"):
                ignored.append(word)
        elif word in _ALONE:
            values[word] = ""
            if word in ("-reuse", "-inetd_ipv6"):
                ignored.append(word)
        else:
            raise ValueError(f"unknown option `{word[:80]}`")
    if "-filelog" in values and "-syslog" in values:
        raise ValueError("`-filelog` and `-syslog` exclude each other")
    limit = values.get("-limit")
    if limit is not None and not (limit.isascii() and limit.isdecimal() and 0 < int(limit) < 2**31):
        raise ValueError(f"`-limit {limit[:40]}` is not a number above 0")
    return XinetdOptions(
        config=os.path.abspath(values.get("-f", "/etc/xinetd.conf")),  # the first HUP comes from `/`
        inetd=("/etc/inetd.conf",) if "-inetd_compat" in values else (),
        pidfile=values.get("-pidfile", ""),
        foreground="-dontfork" in values or "-d" in values,
        stay_alive="-stayalive" in values or "-dontfork" in values,
        limit=None if limit is None else int(limit),
        log_file=values.get("-filelog", ""),
        facility=values.get("-syslog", ""),
        debug="-d" in values,
        version="-version" in values,
        ignored=tuple(ignored),
    )


def main(arguments: Sequence[str]) -> int:
    """The entry point. Returns an exit status: 64 for wrong usage, else what ``run`` returns."""
    try:
        options = translate(arguments)
    except ValueError as bad:
        sys.stderr.write(f"superd xinetd: error: {bad}\n")
        return EX_USAGE
    if options.version:
        from superd import __version__

        sys.stderr.write(f"superd {__version__} (as xinetd) libwrap loadavg\n")  # xinetd writes it to stderr too
        return 0
    for word in options.ignored:
        sys.stderr.write(f"superd xinetd: note: `{word}` has no effect\n")
    left = [name for name in ("pidfile", "limit", "log_file", "facility", "debug") if getattr(options, name)]
    if left or options.inetd:
        # Refused, not dropped: a script that waits for its pid file, or counts on a limit, must not go on without it.
        names = [*left, *(("inetd_compat",) if options.inetd else ())]
        sys.stderr.write(f"superd xinetd: error: not carried out yet: {', '.join(names)}\n")
        return EX_USAGE
    from superd.cli.run import run
    from superd.config.read import Sources

    return run(Sources(options.config, (), None, None))
