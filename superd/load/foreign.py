"""What: the services of other daemons' files, xinetd.conf and inetd.conf, read live.

Runs in: master, cli (an import reads them too). Never: changes these files.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from superd.config.checks.services import check, check_kinds, check_unserved
from superd.config.grammar import grammar_of
from superd.config.live_defaults import with_defaults
from superd.config.toml.service_file import merge
from superd.key_conflicts import fit
from superd.load.host import this_host
from superd.load.numbers import resolved
from superd.load.words import without_bad_words
from superd.problem import Origin, Problem, error, errors, warning
from superd.system.credentials import is_root
from superd.system.path_facts import exists
from superd.system.trusted_file import trusted_files

if TYPE_CHECKING:
    from superd.config.foreign import FileReader, Foreign
    from superd.load.settings import Main
    from superd.service import Service
    from superd.settings import Settings


def read_foreign(
    main: Main,
    more_inetd: tuple[str, ...],
    files: FileReader,
    services: dict[str, Service],
    origins: dict[tuple[str, str], Origin],
    problems: list[Problem],
) -> frozenset[str]:
    """Add what the other daemons' files contain; return the names of these files."""
    xinetd, inetd = list(main.settings.xinetd), [*main.settings.inetd, *_existing(more_inetd, problems)]
    if main.foreign:
        kind = grammar_of(main.foreign, files.read(main.foreign))
        (xinetd if kind == "xinetd" else inetd).append(main.foreign)
    if not xinetd and not inetd:
        return frozenset()
    from superd.config.inetd.source import parse as parse_inetd
    from superd.config.xinetd.source import parse as parse_xinetd
    from superd.config.xinetd.source import whole_of

    for path in xinetd:
        including = whole_of(os.path.abspath(path), files)
        if including not in ("", "?"):
            what = f"this is a part of `{including}`, whose `defaults` do not reach it here: they may close or limit its services"
            problems.append(warning(Origin(path), what, f"name `{including}` instead"))
    read_files = [parse_xinetd(path, files) for path in xinetd]
    read_files += [parse_inetd(path, files, main.settings.inetd_dialect) for path in inetd]
    for foreign in read_files:
        problems += foreign.problems
        problems += check_unserved(foreign.unserved, this_host())
        own: dict[str, dict[tuple[str, str], Origin]] = {service.name: {} for service in foreign.services}
        for key, place in foreign.origins.items():
            own.setdefault(key[0], {})[key] = place
        for service in foreign.services:
            if service.disable:
                continue
            if service.name in services:
                there = origins.get((service.name, ""), Origin(service.name))
                here = foreign.origins.get((service.name, ""), Origin(service.name))
                what = f"service `{service.name}` is already defined ({there})"
                problems.append(error(here, what, _twice(there, main.settings)))
                continue
            places = own[service.name]
            told = frozenset(key for _, key in places)
            whole = places.get((service.name, ""), Origin(service.name))
            service, given, wrong = with_defaults(service, told, merge({}, main.defaults), main.origins, whole)
            problems += [problem for problem in wrong if problem not in problems]  # a wrong default is one fault
            origins.update({(service.name, key): place for key, place in given.items()})
            service = fit(service, lambda key, given=given: key.partition(".")[0].partition(" ")[0] in given)[0]  # type: ignore[misc]
            services[service.name] = resolved(service, files)
            origins.update(places)
            problems += check_kinds(services[service.name], origins, access_alone=True)
    read = [place for foreign in read_files for place in foreign.origins.values()]
    read += [problem.origin for foreign in read_files for problem in foreign.problems]
    return frozenset(place.file for place in read)


def _twice(there: Origin, settings: Settings) -> str:
    """What to do about a service of that name in another place: after an import both the old file and the new one are read."""
    key = "xinetd" if settings.xinetd else "inetd" if settings.inetd else ""
    if key and there.file.endswith(".toml"):
        return f"after an import remove the line `{key} = …` from superd.toml; else rename one"
    return "rename one"


def _existing(paths: tuple[str, ...], problems: list[Problem]) -> list[str]:
    absent = [path for path in paths if not exists(path)]
    problems += [warning(Origin(path), "does not exist, so nothing is read from it") for path in absent]
    return [path for path in paths if path not in absent]


def wrong_here(foreign: Foreign) -> tuple[Problem, ...]:
    """Return the errors that this host has with entries of another daemon's files: unknown users, programs, addresses."""
    problems: list[Problem] = []
    with trusted_files(strict=is_root()) as files:
        services = {service.name: resolved(service, files) for service in foreign.services if not service.disable}
    without_bad_words(services, foreign.origins, problems)
    for service in services.values():
        problems += check_kinds(service, foreign.origins, access_alone=True)
    host = this_host()
    return tuple(errors([*problems, *check(services, foreign.origins, host), *check_unserved(foreign.unserved, host)]))
