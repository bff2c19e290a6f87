"""Counts of one superd as metrics, for Prometheus. Pure; loads prometheus_client when it is called.

No label has a client's address: labels are services, reasons and the like, so there are as many series as the configuration
has services.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client.core import Metric

EXITS = ("zero", "status", "signal")
"""Kinds of ends of programs: with exit status 0, with another, by a signal."""


def load() -> None:
    """Load all that ``render`` needs: a confined process can open no file later."""
    render(EMPTY)
    render(EMPTY, "application/openmetrics-text; version=1.0.0")


def render(counts: dict[str, Any], accept: str = "") -> tuple[bytes, str]:
    """Return the metrics as text with its content type: OpenMetrics if ``accept`` asks for it, else Prometheus' own."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry()
    registry.register(_Collected(counts))
    encode, kind = choose_encoder(accept)
    return encode(registry), kind


EMPTY: dict[str, Any] = {
    "services": [], "version": "", "started": 0.0, "read": 0.0, "bans": 0,
    "reload": {"outcome": "", "seconds": 0.0, "done": 0, "refused": 0},
    "sensor_bans": 0, "waiting": 0, "log_waiting": 0, "log_lost": 0, "lag": 0.0, "rules": 0,
    "policy_seconds": 0.0, "lookups": 0, "lookup_seconds": 0.0, "counters": {}, "processes": [],
}  # fmt: skip
"""The counts of a superd that has done nothing."""


class _Collected:
    """The metrics of one moment, as prometheus_client collects them."""

    def __init__(self, counts: dict[str, Any]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        yield from _services(self._counts["services"])
        yield from _daemon(self._counts)

    def describe(self) -> list[Metric]:
        """No names before they are collected: two scrapes do not share a registry."""
        return []


def _services(services: list[dict[str, Any]]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    started = CounterMetricFamily("superd_sessions_started", "Sessions that began.", labels=["service"])
    refused = CounterMetricFamily("superd_refused", "Clients that were refused.", labels=["service", "reason"])
    running = GaugeMetricFamily("superd_sessions", "Live sessions.", labels=["service"])
    limit = GaugeMetricFamily("superd_sessions_limit", "The limit on live sessions, where there is one.", labels=["service"])
    paused = GaugeMetricFamily("superd_service_paused", "Whether an operator paused the service.", labels=["service"])
    missing = GaugeMetricFamily("superd_listeners_missing", "Addresses that cannot be opened.", labels=["service"])
    seconds = HistogramMetricFamily("superd_session_seconds", "Length of sessions.", labels=["service"])
    launch = HistogramMetricFamily("superd_launch_seconds", "Time from accept to start.", labels=["service"])
    exits = CounterMetricFamily("superd_program_exits", "Programs that ended, by how.", labels=["service", "kind"])
    penalised = GaugeMetricFamily("superd_penalised_sources", "Sources that have penalties.", labels=["service"])
    ends = GaugeMetricFamily("superd_certificate_end_seconds", "When the certificate ends.", labels=["service"])
    for found in services:
        name = found["service"]
        penalised.add_metric([name], found["penalised"])
        if found["certificate_end"] is not None:
            ends.add_metric([name], found["certificate_end"])
        started.add_metric([name], found["started"])
        running.add_metric([name], found["running"])
        if found["limit"] is not None:
            limit.add_metric([name], found["limit"])
        paused.add_metric([name], 1 if found["paused"] else 0)
        missing.add_metric([name], found["missing"])
        for reason, count in found["refused"].items():
            refused.add_metric([name, reason], count)
        for kind, count in zip(EXITS, found["exits"], strict=False):
            exits.add_metric([name, kind], count)
        for histogram, key in ((seconds, "seconds"), (launch, "launch")):
            histogram.add_metric([name], _buckets(found[f"{key}_bounds"], found[key]), found[f"{key}_sum"])
    yield from (started, refused, running, limit, paused, missing, seconds, launch, exits, penalised, ends)


def _buckets(bounds: list[float], counts: list[int]) -> list[tuple[str, float]]:
    """Return counts of ranges as Prometheus has buckets: each with all that are below its bound."""
    total, buckets = 0, []
    for bound, count in zip([*bounds, float("inf")], counts, strict=False):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else repr(float(bound)), float(total)))
    return buckets


def _daemon(counts: dict[str, Any]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, SummaryMetricFamily

    yield InfoMetricFamily("superd_build", "The version that runs.", value={"version": counts["version"]})
    yield GaugeMetricFamily("superd_start_time_seconds", "When superd began.", value=counts["started"])
    reload = counts["reload"]
    reloads = CounterMetricFamily("superd_reloads", "Reloads, by outcome.", labels=["outcome"])
    reloads.add_metric(["done"], reload["done"])
    reloads.add_metric(["refused"], reload["refused"])
    yield reloads
    yield GaugeMetricFamily(
        "superd_config_ok", "Whether the last reload is in force.", value=0 if reload["outcome"] == "refused" else 1
    )
    yield GaugeMetricFamily("superd_reload_duration_seconds", "How long the last reload took.", value=reload["seconds"])
    yield GaugeMetricFamily("superd_policy_rules", "Rules of hosts.allow and hosts.deny in force.", value=counts["rules"])
    yield GaugeMetricFamily(
        "superd_policy_duration_seconds", "How long the tables were compiled the last time.", value=counts["policy_seconds"]
    )
    lookups = SummaryMetricFamily("superd_lookup_seconds", "Look-ups of clients' names.")
    lookups.add_metric([], counts["lookups"], counts["lookup_seconds"])
    yield lookups
    yield GaugeMetricFamily("superd_config_read_seconds", "When the configuration in force was read.", value=counts["read"])
    yield GaugeMetricFamily("superd_bans", "Bans of operators in force.", value=counts["bans"])
    yield GaugeMetricFamily("superd_sensor_bans", "Addresses that sensors banned.", value=counts["sensor_bans"])
    yield GaugeMetricFamily("superd_undecided", "Connections that wait for their verdict.", value=counts["waiting"])
    yield GaugeMetricFamily(
        "superd_log_records_waiting", "Records that log targets did not take yet.", value=counts["log_waiting"]
    )
    yield CounterMetricFamily("superd_log_records_dropped", "Records that were lost.", value=counts["log_lost"])
    yield GaugeMetricFamily("superd_loop_lag_seconds", "How late the front's loop is.", value=counts["lag"])
    for name, key, text in (
        ("superd_listen_overflows", "ListenOverflows", "Connections that found a full queue, of this network namespace."),
        ("superd_listen_drops", "ListenDrops", "Connections that were dropped in a queue, of this network namespace."),
    ):
        if key in counts["counters"]:
            yield CounterMetricFamily(name, text, value=counts["counters"][key])
    yield from _processes(counts["processes"])


def _processes(processes: list[dict[str, Any]]) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    memory = GaugeMetricFamily("superd_resident_bytes", "Memory of superd's processes, by kind.", labels=["kind"])
    files = GaugeMetricFamily("superd_open_files", "Descriptors of superd's processes, by kind.", labels=["kind"])
    number = GaugeMetricFamily("superd_processes", "superd's processes, by kind.", labels=["kind"])
    for kind in sorted({found["kind"] for found in processes}):
        of_kind = [found for found in processes if found["kind"] == kind]
        number.add_metric([kind], len(of_kind))
        memory.add_metric([kind], sum(found.get("memory") or 0 for found in of_kind))
        files.add_metric([kind], sum(found.get("descriptors") or 0 for found in of_kind))
    yield from (memory, files, number)
