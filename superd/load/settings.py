"""What: superd.toml, or the file of another daemon in its place, under what the command line says.

Runs in: master, cli. Never: reads a service.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from superd.config.grammar import grammar_of
from superd.config.toml.settings_file import parse_settings
from superd.frozen import frozen
from superd.load.sources import MAIN
from superd.problem import Origin, Problem, error
from superd.settings import Settings
from superd.system.credentials import is_root
from superd.system.path_facts import exists
from superd.system.paths import Untrusted
from superd.system.trusted_file import trusted_files

if TYPE_CHECKING:
    from superd.config.foreign import FileReader
    from superd.config.toml.service_file import Keys
    from superd.load.sources import Sources


@frozen
class Main:
    """The main file: its settings and its ``[defaults]`` for services.

    ``foreign`` is its path if it is another daemon's file; ``single`` is the one service's file that is read by itself.
    """

    path: str = ""
    settings: Settings = field(default_factory=Settings.model_construct)
    defaults: Keys = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    foreign: str = ""
    single: str = ""


def read_main(sources: Sources, files: FileReader, problems: list[Problem]) -> Main:
    """Read the file that ``sources`` names; what is wrong with it is added to ``problems``."""
    path = sources.config or (MAIN if not sources.services and not sources.single and exists(MAIN) else "")
    main = Main(path, single=sources.single)
    if path:
        try:
            data = files.read(path)
        except OSError as problem:
            problems.append(error(Origin(path), f"cannot be read: {why(problem)}", hint(problem)))
        else:
            if not data.strip() and not path.endswith(".toml"):
                # Truncated, or half written. An xinetd.conf would be taken for an empty superd.toml, and everything be closed.
                problems.append(error(Origin(path), "is empty", "a comment alone serves nothing on purpose"))
            elif (grammar := grammar_of(path, data)) == "service":
                main = Main(path, single=sources.single or path)
            elif grammar != "settings":
                main = Main(path, Settings(stop_sessions="keep"), foreign=path, single=sources.single)
            else:
                settings, defaults, origins, wrong = parse_settings(data, path)
                problems += wrong
                main = Main(path, settings, defaults, origins, single=sources.single)
    return replace(main, settings=_under(main.settings, sources))


def _under(settings: Settings, sources: Sources) -> Settings:
    update: dict[str, Any] = {}
    if not sources.config and (sources.services or sources.single):
        # A folder or a file on the command line alone is a try-out: nothing of /etc decides anything.
        update = {"hosts_allow": "", "hosts_deny": ""}
    if sources.hosts_allow is not None:
        update["hosts_allow"] = sources.hosts_allow
    if sources.hosts_deny is not None:
        update["hosts_deny"] = sources.hosts_deny
    return settings.model_copy(update={"policy": settings.policy.model_copy(update=update)}) if update else settings


def tables_of(sources: Sources) -> tuple[str, str]:
    """Return where hosts.allow and hosts.deny are, whatever else is wrong with what the sources name."""
    with trusted_files(strict=is_root()) as files:
        policy = read_main(sources, files, []).settings.policy
    return policy.hosts_allow, policy.hosts_deny


def why(problem: OSError) -> str:
    """Return how a message says why a file cannot be used."""
    return problem.strerror or str(problem)


def hint(problem: OSError) -> str:
    """Return the command that makes a file usable, if one does."""
    return problem.hint if isinstance(problem, Untrusted) else ""
