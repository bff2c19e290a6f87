"""superd.toml: text → ``Settings``, the ``[defaults]`` for services, and problems. Reads no file.

Runs in: the reading child, the operator's commands. Pure.
"""

from __future__ import annotations

from pydantic import ValidationError

from superd.config.synonyms import meant
from superd.config.toml.model_errors import explain_errors, tables, without_truths
from superd.config.toml.service_file import KEYS, Keys, make_service, parse_toml
from superd.problem import Origin, Problem, error
from superd.settings import Settings


def parse_settings(data: bytes, file: str) -> tuple[Settings, Keys, dict[str, Origin], tuple[Problem, ...]]:
    """The settings, the defaults' keys, and where each of those and of ``control.`` stands."""
    keys, places, problems = parse_toml(data, file)
    if problems:
        return Settings(), {}, {}, problems
    defaults = keys.pop("defaults", {})
    found: list[Problem] = []
    if not isinstance(defaults, dict):
        found.append(error(places.get("defaults", Origin(file)), "`defaults` is not a table", "write [defaults]"))
        defaults = {}
    for key in defaults:
        if key not in KEYS and key.removesuffix("_add") not in KEYS:
            where = places.get(f"defaults.{key}", places.get("defaults", Origin(file)))
            hint = meant(key, KEYS, defaults[key]) if len(found) < _MOST_HINTS and len(key) < 100 else ""
            found.append(error(where, f"unknown key `{key}` in [defaults]", hint))
    defaults = {key: value for key, value in defaults.items() if key in KEYS or key.removesuffix("_add") in KEYS}
    for key in [key for key in keys if key in KEYS and key not in Settings.model_fields]:
        # Not the nearest of the daemon's own keys: it is a service file that was given for superd.toml, or stands in it.
        hint = "a service's key: it belongs in a file of the services' folder, or in [defaults]"
        found.append(error(places.get(key, Origin(file)), f"unknown key `{key}`", hint))
        del keys[key]
    keys, truths = without_truths(keys, places, Origin(file), Settings)
    found += truths
    try:
        settings = Settings.model_validate(keys)
    except ValidationError as problem:
        found += explain_errors(problem, places, Origin(file), Settings, _MORE, examples=True)
        settings = Settings()
    if settings.user in ("root", "0"):
        # Read by the process that reads every peer's bytes: all that is built around it would be in vain.
        found.append(error(places.get("user", Origin(file)), "`user`: the front must not run as root", 'user = "superd"'))
    below = {key.removeprefix("defaults."): place for key, place in places.items() if key.startswith("defaults.")}
    origins = {key: below.get(key, Origin(file)) for key in defaults}
    origins |= {key: place for key, place in places.items() if key.startswith("control.")}
    plain = {key: value for key, value in defaults.items() if not key.endswith("_add")}
    whole = places.get("defaults", Origin(file))
    # Said without a service, too: each service says the same of them, which is one fault.
    found += make_service("defaults", plain | {"disable": True}, below, whole)[1]
    return settings, defaults, origins, tuple(found)


_MOST_HINTS = 100
"""Unknown keys for which the nearest is looked for: 6,000 would cost two seconds."""
_MORE = ("defaults", *(name for table in tables(Settings).values() for name in table.model_fields))
