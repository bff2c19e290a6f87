"""A front makes room for the next one, at an upgrade: it finishes what only it knows, writes down what it counted, and ends.

What: waits for the master's word, lets connections get their verdict, keeps bans and rates; and takes them over from a front
before.
Runs in: front.
Never: believes more of what an earlier front wrote than that it is a list of numbers within bounds.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import trio

from superd.ipc.front_orders import MAX_KEPT, RETIRE_SECONDS

if TYPE_CHECKING:
    from superd.front.ending import EndLog
    from superd.front.gate.compiled_service import CompiledService
    from superd.policy.bans import Sensor

PAUSE = 0.005
"""Seconds between two looks whether every connection has its verdict."""


async def retire(
    go: int,
    memory: int,
    close: Callable[[], None],
    settled: Callable[[], bool],
    kept: Callable[[], bytes],
    log: EndLog,
    then: Callable[[], None],
) -> None:
    """Wait until ``go`` has a byte; then ``close`` what is accepted from, write ``kept`` into ``memory`` and call ``then``.

    Connections without a verdict have ``RETIRE_SECONDS`` for it. Returns early when ``go`` ends without a byte. Both
    descriptors are the callee's.
    """
    try:
        await trio.lowlevel.wait_readable(go)
        if not os.read(go, 1):
            return
        close()
        with trio.move_on_after(RETIRE_SECONDS):
            while not settled():
                await trio.sleep(PAUSE)
        data = memoryview(kept())
        while data:
            data = data[os.write(memory, data) :]
        log.flush()
        then()
    except OSError as problem:
        log.message("error", f"bans and rates are lost: {problem.strerror}")
        then()
    finally:
        os.close(go)
        os.close(memory)


def kept(services: Mapping[str, CompiledService], sensor: Sensor, now: float) -> bytes:
    """Return bans and rates as JSON, at most ``MAX_KEPT`` bytes: services whose rates have no room are left out."""
    bans = [(version, number, until if math.isfinite(until) else None) for version, number, until in sensor.entries(now)]
    found: dict[str, Any] = {"bans": bans}
    parts: dict[str, str] = {}
    room = MAX_KEPT - len(json.dumps(found)) - 64
    for name, service in services.items():
        rates = [table.entries(now) for table, _ in service.access.rates]
        starts = service.access.starts
        if not any(rates) and starts is None:
            continue
        text = json.dumps({"rates": rates, "starts": starts.state() if starts is not None else None})
        room -= len(text) + len(json.dumps(name)) + 4
        if room < 0:
            break
        parts[name] = text
    return json.dumps(found | {"services": {name: json.loads(text) for name, text in parts.items()}}).encode()


def restore(data: bytes, services: Mapping[str, CompiledService], sensor: Sensor, now: float) -> None:
    """Take over what ``kept`` returned in an earlier front; what does not look like it is left out."""
    try:
        found = json.loads(data[:MAX_KEPT]) if data else {}
    except (ValueError, RecursionError):
        return
    if not isinstance(found, dict):
        return
    for entry in _rows(found.get("bans"), 3):
        version, number, until = entry
        if _is_source(version, number) and (until is None or _is_number(until)):
            sensor.restore(version, number, math.inf if until is None else until)
    known = found.get("services")
    for name, part in known.items() if isinstance(known, dict) else ():
        service = services.get(name)
        if service is not None and isinstance(part, dict):
            _restore_service(part, service, now)


def _restore_service(part: dict[str, Any], service: CompiledService, now: float) -> None:
    tables = part.get("rates")
    # The order is that of the keys of a service: a service that has others now begins anew.
    if isinstance(tables, list) and len(tables) == len(service.access.rates):
        for rows, (table, _) in zip(tables, service.access.rates, strict=True):
            for version, number, tokens, since in _rows(rows, 4):
                if _is_source(version, number) and _is_number(tokens) and _is_number(since):
                    table.restore((version, number), tokens, since, now)
    starts = part.get("starts")
    if service.access.starts is not None and isinstance(starts, list) and len(starts) == 3 and all(map(_is_number, starts)):
        service.access.starts.restore(int(starts[0]), starts[1], starts[2], now)


def _rows(value: object, width: int) -> list[list[Any]]:
    return [row for row in value if isinstance(row, list) and len(row) == width] if isinstance(value, list) else []


def _is_source(version: object, number: object) -> bool:
    return type(version) is int and version in (0, 4, 6) and type(number) is int and -1 <= number < 1 << 128


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
