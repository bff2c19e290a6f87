"""The services of a simulated front: each with the variants that a reload chooses from, and who launches it."""

from __future__ import annotations

from typing import Any

from superd.service import Service


def made(name: str, **keys: Any) -> Service:
    values: dict[str, Any] = {"name": name, "server": "/bin/cat", "cps": [0, 0], "listen": [f"unix:@{name}"], **keys}
    if "type" in keys:
        del values["server"]
    return Service.model_validate(values)


SERVICES = {
    "plain": [made("plain"), made("plain", instances=2), made("plain", per_source=1, limits={"session": 20})],
    "queue": [
        made("queue", instances=1, at_limit="wait", queue=3, queue_time=5),
        made("queue", instances=2, at_limit="wait", queue=2, queue_time=30, limits={"start": 4}),
    ],
    "named": [
        made("named", only_from=[".example.org", "192.0.2.1"]),
        made("named", no_access=[".example.net"], instances=2, limits={"start": 3}),
    ],
    "guilty": [made("guilty", limits={"penalties": {"refused": 5, "exit_nonzero": 20, "signal": 30}}, cps=[3, 5])],
    "mux": [made("mux", type=["INTERNAL"], service="tcpmux")],
    "behind": [
        Service.model_validate({"name": "behind", "server": "/bin/cat", "type": ["TCPMUX"], "service": "plainer", "cps": [0, 0]})
    ],
    "daytime": [made("daytime", type=["INTERNAL"], service="daytime")],
}
LISTENING = tuple(name for name in SERVICES if name != "behind")
LAUNCHERS = {"plain": (0, 1), "queue": (0, 1), "named": (2,), "guilty": (2,), "behind": (1,), "mux": (2,), "daytime": (2,)}
