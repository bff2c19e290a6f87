"""inetd.conf of five inetds, or a folder of such files → ``Foreign``. Never reads the disk but through its reader.

A bad line is refused and never hides the next. A line that inetd would have served under a policy superd does not have
(IPsec, BSD login classes) is refused or said.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from superd.address import parse_listen
from superd.config.foreign import FileReader, Foreign, fitted
from superd.config.inetd.dialects import DIALECTS, Name, detect
from superd.config.inetd.entry import read_entry
from superd.config.inetd.lexer import Entry, EntryReader
from superd.problem import Origin, note
from superd.service import Service

Services = dict[str, tuple[Service, Origin]]


def parse(path: str, files: FileReader, dialect: Name | Literal["auto"] = "auto") -> Foreign:
    """The services of ``path`` (a file, or a folder as inetutils reads one), and every problem."""
    reader = EntryReader(files)
    texts = reader.open(path)
    if dialect == "auto":
        name, word = detect(text for _, lines in texts for _, text in lines)
        why = f"`{word[:40]}` is written so there" if word else "nothing tells it from another"
        reader.problems.append(
            note(
                Origin(path),
                f"read as the inetd.conf of {name}: {why}",
                "`inetd_dialect` in superd.toml (`import --dialect`) names another",
            )
        )
    else:
        name = dialect
    reader.dialect = DIALECTS[name]
    found: Services = {}
    bound: dict[tuple[object, ...], str] = {}
    for file, lines in texts:
        reader.read(file, lines)
        for entry in reader.entries:
            _serve(entry, reader, found, bound)
        reader.entries.clear()
    services = tuple(service for service, _ in found.values())
    origins = {(service.name, ""): origin for service, origin in found.values()}
    origins |= {(service.name, key): origin for service, origin in found.values() for key in service.model_fields_set}
    return fitted(Foreign(services, origins, tuple(sorted(reader.problems, key=lambda problem: problem.origin))))


def _serve(entry: Entry, reader: EntryReader, found: Services, bound: dict[tuple[object, ...], str]) -> None:
    """Adds the service of one entry, under a name of its own; ``bound`` says who listens where."""
    origin = entry.origin
    if entry.fields.off:
        reader.problems.append(note(origin, f"`{entry.fields.service}` is off"))
        return
    try:
        keys = read_entry(entry, reader.dialect, reader.names, reader.problems)
        keys["name"] = _another(keys["name"], keys["socket_type"], found)
        service = Service.model_validate(keys)
        for text in service.listen:
            parse_listen(text, service.socket_type, 1)
    except ValidationError as bad:
        for item in bad.errors(include_url=False):
            where = ".".join(str(part) for part in item["loc"]) or "entry"
            reader.fail(origin, f"`{where}`: {item['msg']}")
        return
    except ValueError as bad:
        reader.fail(origin, str(bad))
        return
    listens = not service.mux_client and service.port != 0
    places = [(service.socket_type, service.port, host) for host in service.listen or ("*",)] if listens else []
    for place in places:
        if place in bound:
            other, at = found[bound[place]]
            reader.fail(origin, f"`{service.name}` listens where `{other.name}` at {at} does")
            return
    bound.update(dict.fromkeys(places, service.name))
    found[service.name] = (service, origin)


def _another(name: str, socket_type: str, found: Services) -> str:
    """The name if it is free, else one that says more."""
    candidate, number = name, 1
    while candidate in found:
        candidate = f"{name}-{socket_type}" + (f"-{number}" if number > 1 else "")
        number += 1
    return candidate
