"""Metrics: their names, their labels, and what packaging/ makes of them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from superd.metrics import EMPTY, load, render
from tests.needs import needs

PACKAGING = Path(__file__).parent.parent / "packaging/prometheus"
SERVICE: dict[str, Any] = {
    "service": "git", "started": 7, "running": 2, "limit": 50, "paused": False, "missing": 1, "refused": {"cps": 3},
    "seconds_bounds": [1.0, 10.0], "seconds": [4, 1, 2], "seconds_sum": 99.0, "launch_bounds": [0.1], "launch": [7, 0],
    "launch_sum": 0.5, "exits": [5, 1, 1], "penalised": 3, "certificate_end": 2e9,
}  # fmt: skip
COUNTS = {
    **EMPTY, "services": [SERVICE, {**SERVICE, "service": "tang", "limit": None, "refused": {}, "certificate_end": None}],
    "counters": {"ListenOverflows": 4, "ListenDrops": 5},
    "processes": [{"kind": "front", "pid": 1, "memory": 9, "descriptors": 2}],
}  # fmt: skip


def samples(accept: str = "") -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text, kind = render(COUNTS, accept)
    families = (parse_openmetrics if "openmetrics" in kind else parse)(text.decode())
    return {(each.name, tuple(sorted(each.labels.items()))): each.value for family in families for each in family.samples}


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_a_real_parser_reads_every_value(accept: str) -> None:
    found = samples(accept)
    git = (("service", "git"),)
    assert found["superd_sessions_started_total", git] == 7
    assert found["superd_sessions_limit", git] == 50
    assert ("superd_sessions_limit", (("service", "tang"),)) not in found
    assert found["superd_refused_total", (("reason", "cps"), ("service", "git"))] == 3
    assert found["superd_session_seconds_bucket", (("le", "10.0"), ("service", "git"))] == 5
    assert found["superd_session_seconds_bucket", (("le", "+Inf"), ("service", "git"))] == 7
    assert found["superd_program_exits_total", (("kind", "signal"), ("service", "git"))] == 1
    assert (found["superd_penalised_sources", git], found["superd_certificate_end_seconds", git]) == (3, 2e9)
    assert ("superd_certificate_end_seconds", (("service", "tang"),)) not in found
    assert found["superd_listen_overflows_total", ()] == 4
    assert found["superd_resident_bytes", (("kind", "front"),)] == 9


def test_no_label_can_have_a_client() -> None:
    labels = {name for _, pairs in samples() for name, _ in pairs}
    assert labels == {"service", "reason", "le", "kind", "outcome", "version"}


def test_a_superd_that_has_done_nothing_has_metrics_too() -> None:
    load()
    assert b"superd_config_ok 1.0" in render(EMPTY)[0]


NAMES = {name for name, _ in samples()}


def test_promtool_finds_nothing_to_say_about_names_and_texts() -> None:
    promtool = needs("prometheus", "promtool")
    text, _ = render(COUNTS)
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_the_page_for_operators_has_each_metric() -> None:
    page = (PACKAGING.parent.parent / "docs/operating.md").read_text()
    wanted = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in NAMES}
    assert set(re.findall(r"`(superd_\w+)`", page)) == wanted


def test_alerts_and_dashboard_use_metrics_that_exist() -> None:
    rules = (PACKAGING / "superd.rules.yml").read_text()
    used = set(re.findall(r"\bsuperd_\w+", rules))
    dashboard = json.loads((PACKAGING / "grafana-superd.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            used |= set(re.findall(r"\bsuperd_\w+", target["expr"]))
    assert sorted(used - NAMES) == []


def test_the_alerts_fire_when_they_should() -> None:
    promtool = needs("prometheus", "promtool")
    done = subprocess.run(
        [promtool, "test", "rules", "superd.rules.test.yml"], cwd=PACKAGING, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rules = set(re.findall(r"alert: (\w+)", (PACKAGING / "superd.rules.yml").read_text()))
    tested = set(re.findall(r"alertname: (\w+)", (PACKAGING / "superd.rules.test.yml").read_text()))
    assert rules == tested
