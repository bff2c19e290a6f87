"""``superd xinetd …``: xinetd's command line, for init scripts. Only translates and arranges; ``superd.daemon`` serves."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from superd.frozen import frozen
from superd.safe_text import safe
from superd.syslog_priority import FACILITIES
from superd.system.credentials import is_root
from superd.system.path_facts import exists
from superd.system.path_writes import remove_if, write_new
from superd.system.paths import Trust
from superd.system.successor import handed_on, leave_folder, on_trial

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.daemon.background import Background
    from superd.problem import Problem
    from superd.registry import Registry

EX_USAGE = 64
DUMP = "/run/xinetd.dump"
"""Where xinetd's SIGUSR1 writes, and scripts look."""
_WITH_VALUE = ("-f", "-pidfile", "-limit", "-filelog", "-syslog", "-logprocs", "-cc", "-shutdownprocs")
_ALONE = ("-dontfork", "-stayalive", "-inetd_compat", "-inetd_ipv6", "-reuse", "-version", "-d")
_NO_EFFECT = ("-logprocs", "-cc", "-shutdownprocs", "-reuse", "-inetd_ipv6")

HELP = """Usage: superd xinetd [OPTIONS]

  Serve with xinetd's command line, for init scripts that called xinetd.

Options:
  -f FILE                the configuration  [default: /etc/xinetd.conf]
  -dontfork              stay in the foreground
  -stayalive             do not end without a service
  -pidfile FILE          write the pid there
  -limit N               programs at once, of all services
  -filelog FILE          superd's own log
  -syslog FACILITY       superd's own log  [default: daemon]
  -inetd_compat          read /etc/inetd.conf as well
  -d                     stay in the foreground, print what was read
  -version               print the version and end
  -logprocs N, -cc SECONDS, -shutdownprocs N, -reuse, -inetd_ipv6
                         taken, without effect

  Example: superd xinetd -stayalive -pidfile /run/xinetd.pid
"""


@frozen
class XinetdOptions:
    """xinetd(8)'s options. Paths are absolute: the first HUP comes from `/`. ``facility`` is syslog's."""

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
    """Raises ``ValueError`` with a line for each unknown option and value; xinetd took unknown ones in silence."""
    values: dict[str, str] = {}
    wrong: list[str] = []
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word in _WITH_VALUE:
            if words:
                values[word] = words.pop(0)
            else:
                wrong.append(f"`{word}` needs a value")
        elif word in _ALONE:
            values[word] = ""
        elif word.startswith("-") or not wrong:  # what follows an unknown option may be its value
            wrong.append(f"unknown option `{safe(word, 80)}`")
    if "-filelog" in values and "-syslog" in values:
        wrong.append("`-filelog` and `-syslog` exclude each other")
    limit, facility = values.get("-limit"), values.get("-syslog", "")
    if limit is not None and not (limit.isascii() and limit.isdecimal() and len(limit) < 11 and 0 < int(limit) < 2**31):
        wrong.append(f"`-limit {safe(limit, 40)}` is not a number above 0")
    if facility and facility not in FACILITIES:
        wrong.append(f"`-syslog {safe(facility, 40)}` is not a syslog facility")
    if wrong:
        raise ValueError("\n".join(wrong))

    def path(option: str, default: str = "") -> str:
        given = values.get(option, default)
        return os.path.abspath(given) if given else ""

    return XinetdOptions(
        config=path("-f", "/etc/xinetd.conf"),
        inetd=("/etc/inetd.conf",) if "-inetd_compat" in values else (),
        pidfile=path("-pidfile"),
        foreground="-dontfork" in values or "-d" in values,
        stay_alive="-stayalive" in values or "-dontfork" in values,
        limit=None if limit is None else int(limit),
        log_file=path("-filelog"),
        facility=facility,
        debug="-d" in values,
        version="-version" in values,
        ignored=tuple(word for word in _NO_EFFECT if word in values),
    )


def main(arguments: Sequence[str]) -> int:
    """The entry point. Returns an exit status: 64 for wrong usage, else what the daemon returns."""
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(HELP)
        return 0
    try:
        options = translate(arguments)
    except ValueError as bad:
        sys.stderr.writelines(f"superd xinetd: error: {line}\n" for line in str(bad).splitlines())
        return EX_USAGE
    if options.version:
        from superd import __version__

        sys.stderr.write(f"superd {__version__} (as xinetd) libwrap loadavg\n")  # xinetd writes it to stderr too
        return 0
    for word in options.ignored:
        sys.stderr.write(f"superd xinetd: note: `{word}` has no effect\n")
    from superd.cli.run import own_fds
    from superd.system.descriptors import close_unknown

    close_unknown(own_fds())
    background = None
    if handed_on(os.environ) is not None:
        leave_folder()  # in the background already, or in the foreground as before
    elif not options.foreground and not on_trial(os.environ):
        from superd.daemon.background import go_to_background

        background = go_to_background()
    return _serve(options, background)


def _serve(options: XinetdOptions, background: Background | None) -> int:
    from superd.cli.problem_text import print_problems
    from superd.cli.run import write_dump
    from superd.daemon.manner import Manner
    from superd.daemon.start import run
    from superd.load.sources import Sources

    sources = Sources(options.config, inetd=options.inetd)

    def read() -> tuple[Registry, tuple[Problem, ...]]:
        from superd.load.registry import load

        registry, problems = load(sources)
        return with_options(registry, options), problems

    def settle() -> None:
        if options.pidfile:
            write_pid(options.pidfile)
        if background is not None:
            background.detach()

    def on_ready(registry: Registry, missing: dict[BindAddress, str]) -> None:
        if options.debug:
            from superd.cli.show import print_services

            print_services(registry)
        if background is not None:
            background.ready()

    manner = Manner(
        ident="xinetd",
        log_file=options.log_file,
        stay_alive=options.stay_alive,
        settle=settle,
        configuration=repr(sources),
        origins=options.debug,
    )
    try:
        return run(
            read,
            print_problems=print_problems,
            on_ready=on_ready,
            on_dump=lambda data: write_dump(DUMP if os.geteuid() == 0 else "", data),
            manner=manner,
        )
    finally:
        if options.pidfile:
            forget_pid(options.pidfile)


def with_options(registry: Registry, options: XinetdOptions) -> Registry:
    """The registry under the options, which win over what a file says."""

    settings = registry.settings
    log = settings.log
    if options.log_file or options.debug:
        log = log.model_copy(update={"targets": ("stderr",), "format": "text"})
    elif options.facility or not options.foreground or exists("/dev/log"):
        log = log.model_copy(update={"targets": ("syslog",), "facility": options.facility or log.facility})
    else:
        # xinetd -dontfork says nothing at all where no syslog daemon runs, as in a container.
        log = log.model_copy(update={"targets": ("stderr",), "format": "text"})
    limit = settings.process_limit if options.limit is None else options.limit
    return replace(registry, settings=settings.model_copy(update={"log": log, "process_limit": limit}))


def write_pid(path: str) -> None:
    """A new file in the place of what lies there, a link or another's file, with the pid. Raises ``OSError``."""
    write_new(path, f"{os.getpid()}\n".encode(), Trust.own(strict=is_root(), others_folders=True), 0o644)


def forget_pid(path: str) -> None:
    """Removes the file, if it is still about this process."""
    try:
        remove_if(path, f"{os.getpid()}\n".encode(), Trust.own(strict=is_root(), others_folders=True))
    except OSError:
        pass  # it was never written, or an operator removed or replaced it
