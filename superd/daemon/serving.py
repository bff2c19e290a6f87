"""From what was read to the end of ``superd run``: logs, binds, becomes the master, serves. Returns the exit status.

Runs in: the master-to-be, then the master; from the fork on in the front. Never: reads the configuration itself.
"""

from __future__ import annotations

import codecs
import ctypes.util
import gc
import os
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from superd.exit_status import EX_CANTCREAT, EX_CONFIG, EX_FAILURE, EX_NOPERM
from superd.frozen import frozen
from superd.load.privilege import front_of
from superd.load.sources import digest_of
from superd.log.event import Kind
from superd.log.log import MAX_TEXT, Log, LogPlaces
from superd.log.routing import default_target
from superd.master.configuration import Unusable
from superd.master.in_service import InService
from superd.master.launcher_bundle import launcher_bundle
from superd.master.listeners import sockets_of
from superd.master.log_files import open_log
from superd.master.manager_store import Stored, take_stored
from superd.master.notify import Notifier
from superd.master.process import Master, MasterCallbacks, MasterParts
from superd.master.upgrade import Own
from superd.net.inherited import inherited
from superd.registry import Registry
from superd.safe_text import safe
from superd.settings import Settings
from superd.system import prctl
from superd.system.core_limit import no_core
from superd.system.instance_lock import AlreadyServed, lock
from superd.system.oom_score import protect

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.daemon.manner import Manner
    from superd.ipc.front_orders import Begin
    from superd.launch_spec import Account
    from superd.log.fields import Fields
    from superd.master.first_reading import FirstReading
    from superd.problem import Problem


_MANAGERS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "FDSTORE")
"""Variables of the service manager: superd's own, and not for programs."""


@frozen
class Start:
    """What was found before anything was read. ``table`` is that of the program before, ``folder`` the one superd is in.

    ``read`` reads the configuration anew, for reloads.
    """

    read: Callable[[], tuple[Registry, tuple[Problem, ...]]]
    manner: Manner
    trial: bool
    table: dict[str, Any] | None
    folder: int


def serve(
    reading: FirstReading,
    start: Start,
    print_problems: Callable[[tuple[Problem, ...]], None],
    on_ready: Callable[[Registry, dict[BindAddress, str]], None],
    on_dump: Callable[[bytes], None],
) -> int:
    """Serves what was read, as ``daemon/start.py`` says."""
    manner, trial, table = start.manner, start.trial, start.table
    launcher_bundle()  # of the files as they are now
    if not reading.is_over():
        load_front()  # else it is loaded while the first launchers start
    found = reading.value()
    if isinstance(found, Unusable):
        if trial:
            print_problems(found.problems)
        else:
            _print_unusable(found, manner, print_problems)
        return EX_CONFIG
    settings = found.registry.settings
    try:
        log = Log(settings, _places(manner))
    except OSError as problem:
        print_problems((*found.problems, *found.policy_problems))
        return _fail(None, f"`{problem.filename}` cannot be written: {problem.strerror}", EX_CANTCREAT)
    if log.json and not trial:
        _log_problems(log, (*found.problems, *found.policy_problems))
    else:
        print_problems((*found.problems, *found.policy_problems))
    if not found.registry.services and not manner.stay_alive:
        return _fail(log, "there is no service to serve", EX_FAILURE)
    held: int | None = -1
    if table is not None:
        held = table["lock"]
    elif not trial:
        try:
            held = lock(manner.configuration)
        except AlreadyServed as other:
            return _fail(log, str(other), EX_FAILURE)
    stored = Stored() if table is not None or trial else take_stored(os.environ)
    adopted = inherited(os.environ, stored.fds) if table is None else {}
    table = table if table is not None else stored.table
    if table is not None:
        adopted |= sockets_of(table["listeners"])
    environ = {name: os.environ.pop(name) for name in _MANAGERS if name in os.environ}
    notifier = Notifier("" if trial else environ.get("NOTIFY_SOCKET", ""))
    own = Own(-1 if held is None else held, start.folder, environ, table, stored.names)

    account = front_of(settings, found.registry.services.values())
    master_pid = os.getpid()

    def front(order: Begin, channel: socket.socket) -> int:
        import trio

        from superd.front import process
        from superd.front.privileges import give_up_root

        log.forget()
        try:
            confined = give_up_root(account, master_pid)
        except OSError as problem:
            log.message("alert", f"the front cannot become {describe(account)}: {problem.strerror or problem}; it serves nothing")
            log.close()
            return EX_NOPERM
        if not confined:
            log.message("warning", "the front has no seccomp filter here: an attacker in it could run programs as its user")
        return trio.run(process.run, order, channel, log)

    if os.geteuid() == 0 and account is None:
        log.message("notice", "this user namespace has one user: front, launchers and programs all run as it")

    # The programs of a launcher that dies become the master's children, so their ends can still be reported.
    prctl.prctl(prctl.SET_CHILD_SUBREAPER, 1)

    def ready(registry: Registry, missing: dict[BindAddress, str]) -> None:
        if manner.ident == "xinetd":
            log.message("notice", f"Started working: {registry.served(missing)} available services", kind=Kind.READY)
        elif not os.isatty(1) or registry.settings.log.format == "json":  # a terminal gets a table
            log.message("notice", f"superd {os.getpid()} serves {registry.described(missing)}", kind=Kind.READY)
        log.flush()
        on_ready(registry, missing)

    if manner.settle is not None and not trial:
        try:
            manner.settle()
        except OSError as problem:
            return _fail(log, f"`{problem.filename}` cannot be written: {problem.strerror}", EX_CANTCREAT)
    protect()
    no_core()
    parts = MasterParts(
        start.read, front, log, notifier, adopted, account, log_file=manner.log_file, stay_alive=manner.stay_alive, own=own,
        configuration=digest_of(manner.configuration),
    )  # fmt: skip
    master = Master(parts, InService.of(found), MasterCallbacks(ready, on_dump, prepare_to_fork, load_readers))
    if trial:
        return master.trial()
    try:
        return master.run()
    except Exception as fault:
        log.message("crit", f"superd fails: {type(fault).__name__}: {fault}")  # in the background no terminal shows a traceback
        log.flush()
        raise


def _not_found(name: str) -> None:
    """Return what ``find_library`` does for an unknown ``name``."""


def load_front() -> None:
    """Load what a front runs.

    In the master, so that fronts share the memory, and one that is replaced is there in milliseconds; and as another user it
    may not be able to read the interpreter's files.
    """
    codecs.lookup("idna")  # what getaddrinfo asks for by name
    search = ctypes.util.find_library
    ctypes.util.find_library = _not_found  # trio runs ldconfig, and gcc after that, to find what gives threads names
    try:
        import superd.front.privileges
        import superd.front.process  # noqa: F401
    finally:
        ctypes.util.find_library = search


def prepare_to_fork() -> None:
    """Load what a front runs, and have no collection look at what was loaded: it stays."""
    load_front()
    gc.freeze()
    gc.enable()


def load_readers() -> None:
    """Load what reads the configuration: all readings are of the version that serves, whatever is on disk by then."""
    import superd.load.registry
    import superd.master.reading  # noqa: F401


def _places(manner: Manner) -> LogPlaces:
    """Return where this process can log. Raises ``OSError`` when the manner's log file cannot be opened."""
    terminals = (os.isatty(1), os.isatty(2))
    return LogPlaces(
        ident=manner.ident,
        streams=(1, open_log(manner.log_file) if manner.log_file else 2),
        terminals=terminals,
        default=default_target(os.getpid(), terminals[0], os.environ.get("JOURNAL_STREAM", ""), os.fstat(2)),
    )


def _print_unusable(found: Unusable, manner: Manner, print_problems: Callable[[tuple[Problem, ...]], None]) -> None:
    """Say why nothing is served: in the log if that would be JSON, else as text on stderr."""
    try:
        log = Log(found.settings or Settings(), _places(manner)) if manner.ident != "xinetd" else None
    except OSError:
        log = None
    if log is not None and log.json:
        _log_problems(log, found.problems)
        log.close()
    else:
        print_problems(found.problems)


def _log_problems(log: Log, problems: tuple[Problem, ...]) -> None:
    for found in problems:
        fields: Fields = {"file": safe(found.origin.file), "line": found.origin.line}
        if found.hint:
            fields["hint"] = safe(found.hint, MAX_TEXT)
        log.message(found.severity, found.line(), kind=Kind.PROBLEM, fields=fields, always=True)
    log.flush()


def _fail(log: Log | None, why: str, status: int) -> int:
    """Report why superd does not start: in the log if that is JSON, else on stderr."""
    if log is not None and log.json:
        log.message("crit", why)
        log.close()
    else:
        sys.stderr.write(f"superd: error: {why}\n")
    return status


def describe(account: Account | None) -> str:
    """How a message calls who the front is."""
    return f"`{account.name}`" if account is not None else "itself"
