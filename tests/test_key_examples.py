"""Each example of a key is read by the key's own reader without an error."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from superd.config.toml.service_file import make_service, parse_toml
from superd.config.toml.settings_file import parse_settings
from superd.key_examples import EXAMPLES, LIMITS, LOG, PENALTIES, POLICY, SANDBOX, SERVICE, SERVICE_LIMITS, SETTINGS, TLS
from superd.limits import Limits
from superd.problem import Origin, errors
from superd.sandbox import Sandbox
from superd.service import Service
from superd.service_limits import ServiceLimits
from superd.settings import ControlSettings, LogSettings, MetricsSettings, PageSettings, PolicySettings, Settings
from superd.source_limits import PenaltyKeys, SourceLimit
from superd.tls_keys import TlsKeys

MODELS: dict[str, type[BaseModel]] = {
    "Service": Service,
    "Limits": Limits,
    "SourceLimit": SourceLimit,
    "PenaltyKeys": PenaltyKeys,
    "ServiceLimits": ServiceLimits,
    "TlsKeys": TlsKeys,
    "Sandbox": Sandbox,
    "Settings": Settings,
    "PolicySettings": PolicySettings,
    "LogSettings": LogSettings,
    "ControlSettings": ControlSettings,
    "MetricsSettings": MetricsSettings,
    "PageSettings": PageSettings,
}


NEEDS = {
    "proxy_protocol": ("proxy_from",),
    "proxy_from": ("proxy_protocol",),
    "proxy_optional_from": ("proxy_protocol", "proxy_from"),
}
"""Keys that have a meaning only with others."""


def test_every_example_is_of_a_key_that_exists() -> None:
    found = {name: [key for key in examples if key not in MODELS[name].model_fields] for name, examples in EXAMPLES.items()}
    assert found == {key: [] for key in MODELS}


TABLES = {
    f"{table}.{name}": text
    for table, keys in (
        ("limits", LIMITS),
        ("limits.penalties", PENALTIES),
        ("limits.service", SERVICE_LIMITS),
        ("tls", TLS),
        ("sandbox", SANDBOX),
    )
    for name, text in keys.items()
}


@pytest.mark.parametrize("key", [*SERVICE, *TABLES])
def test_an_example_of_a_service_is_read(key: str) -> None:
    value = (SERVICE | TABLES)[key]
    text = f"{key} = {value}\n"
    if key == "sandbox.read_write":
        text += 'sandbox.read_only = "/"\n'
    if key == "sandbox.dynamic_user":
        text += 'sandbox.preset = "strict"\n'
    if key.startswith("tls.") and key != "tls.cert":
        text += f"tls.cert = {TLS['cert']}\n"
    if key == "tls.require_client_cert":
        text += f"tls.client_ca = {TLS['client_ca']}\n"
    if key not in ("server", "redirect"):
        text += 'server = "/bin/cat"\n'
    text += "".join(f"{other} = {SERVICE[other]}\n" for other in NEEDS.get(key, ()))
    keys, origins, problems = parse_toml(text.encode(), "x.toml")
    service, wrong = make_service("x", keys, origins, Origin("x.toml"))
    assert errors((*problems, *wrong)) == ()
    assert service is not None


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [(table, key, value) for table, keys in (("", SETTINGS), ("policy", POLICY), ("log", LOG)) for key, value in keys.items()],
)
def test_an_example_of_superd_toml_is_read(table: str, key: str, value: str) -> None:
    text = f"[{table}]\n{key} = {value}\n" if table else f"{key} = {value}\n"
    assert errors(parse_settings(text.encode(), "superd.toml")[3]) == ()
