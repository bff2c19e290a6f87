"""``superd check``: everything ``run`` would check, and nothing started."""

from __future__ import annotations

import ipaddress
import re
import sys
from typing import TYPE_CHECKING

from superd.address import SocketType
from superd.cli.folded import folded
from superd.cli.problem_formats import formatted
from superd.cli.problem_text import print_problems
from superd.counted import counted
from superd.errors import ConfigError
from superd.load.settings import tables_of
from superd.load.sources import Sources
from superd.problem import Origin, Problem, Severity, note, warning
from superd.system.credentials import is_root

if TYPE_CHECKING:
    from superd.registry import Registry
    from superd.service import Service

EX_CONFIG = 78


def check(sources: Sources, *, strict: bool, form: str = "text", explicit: bool = False) -> int:
    """Prints what is wrong, in one of problem_formats.FORMATS. Returns 0, 78 with errors, 1 with warnings when ``strict``."""
    from superd.load.registry import load
    from superd.load.tls_files import check_tls_files

    registry: Registry | None = None
    try:
        registry, problems = load(sources)
        problems += check_tls_files(registry.services.values(), root=is_root())
    except ConfigError as refused:
        problems = refused.problems
    more = _tables(sources, registry, explicit=explicit)
    # Whatever refused the services has reported what is wrong with a table.
    problems = tuple(folded(dict.fromkeys((*problems, *more))))
    if form != "text":
        sys.stdout.write(formatted(problems, form))
    else:
        print_problems(problems)
        if not any(problem.severity is Severity.ERROR for problem in problems):
            sys.stdout.write(f"{counted(len(registry.services) if registry else 0, 'service')}, no errors\n")
    if any(problem.severity is Severity.ERROR for problem in problems):
        return EX_CONFIG
    return 1 if strict and any(problem.severity is Severity.WARNING for problem in problems) else 0


def _tables(sources: Sources, registry: Registry | None, *, explicit: bool) -> list[Problem]:
    """hosts.allow and hosts.deny, and what they cannot guard, whatever is wrong with the services."""
    from superd.cli import host_facts
    from superd.config.checks.wrapping import check_wrapping
    from superd.config.hosts.scan import read_rules
    from superd.lint.clients import host_names
    from superd.lint.covered import Seen
    from superd.lint.long_lists import LONG, lint_long
    from superd.lint.rules import guarded_by, lint, lint_file
    from superd.load.policy import load_policy
    from superd.load.privilege import front_of
    from superd.policy.hosts_access import compile_policy, decide_unseen
    from superd.rule import Policy
    from superd.rule_block import not_plain

    front = front_of(registry.settings, registry.services.values()) if registry is not None else None
    files, problems = load_policy(*tables_of(sources), keep_going=True, front=front)
    found = list(problems)
    allow = read_rules(files.allow or b"", files.allow_path, "allow")[0]
    deny = read_rules(files.deny or b"", files.deny_path, "deny")[0]
    services = registry.services if registry is not None else {}
    targets = {name: target for name, service in services.items() if (target := _target(service))}
    # Of a long list the plain rules are looked at together, and their names are not asked for.
    each = {id(rules): list(not_plain(rules)) if len(rules) > LONG else list(rules) for rules in (allow, deny)}
    asked = host_names((*each[id(allow)], *each[id(deny)]), files.files.values())
    names, silent = host_facts.ask_all([*asked, *(target for target in targets.values() if target not in asked)])
    datagrams = {service.daemon for service in services.values() if service.socket_type is SocketType.DGRAM}
    host = host_facts.host_of({name: service.daemon for name, service in services.items()}, names, datagrams)
    for name, target in targets.items():
        if registry is not None and (answer := names.get(target)) is not None and answer.error in host_facts.NO_SUCH_NAME:
            found.append(warning(registry.origins.get((name, "redirect"), Origin(name)), _NO_TARGET.format(target)))
    said: list[Problem] = []
    seen = Seen()
    for path, rules, data in ((files.allow_path, allow, files.allow), (files.deny_path, deny, files.deny)):
        if data is not None and (place := host_facts.writable(path)):
            found.append(warning(Origin(path), f"`{place}` can be written by every user", f"chmod o-w {place}"))
        lines = (data or b"").decode("utf-8", "surrogateescape").split("\n")
        said += lint(each[id(rules)], lines, host, seen, explicit=explicit, guarded=guarded_by(deny))
        if len(rules) > LONG:
            said += lint_long(rules, host)
    cut = {problem.origin for problem in said if _CUT.search(problem.message)}
    found = [problem for problem in found if problem.origin not in cut or _OF_THE_CUT not in problem.message]
    found += said
    for path, data in files.files.items():
        found += lint_file(path, data, host)
    # What the reader and the lint say of one line stands together.
    found.sort(key=lambda problem: problem.origin)
    if silent:
        found.append(note(Origin(files.allow_path), f"{counted(silent, 'name')} could not be looked up now"))
    if registry is not None and (allow or deny):
        tables = compile_policy(Policy(allow, deny, files.files))

        def refusing(daemon: str) -> str:
            verdict = decide_unseen(tables, daemon)
            return "" if verdict.admit or verdict.rule is None else str(verdict.rule.origin)

        found += check_wrapping(services, registry.origins, host_facts.mode, refusing)
    return found


_NO_TARGET = "`redirect`: host `{}` not found, so every client is disconnected; xinetd did not start such a service"


def _target(service: Service) -> str:
    """The name of the host that a service redirects to; nothing for an address."""
    host = service.redirect.host if service.redirect else ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "" if host.startswith("unix:") else host
    return ""


_CUT = re.compile(r"cut at its colon|\(U\+|is HTML for")
_OF_THE_CUT = "so clients that match are refused"
"""What the reader says of a rule that is cut at a wrong colon: lint has said why, and one cause has one message."""
