"""Metrics of a real daemon, scraped by a real Prometheus."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from tests.daemon_process import WAIT, Superd, free_port, living, talk
from tests.needs import needs
from tests.trips.test_control import connect, serve

RULES = Path(__file__).parent.parent.parent / "packaging/prometheus/superd.rules.yml"


def configure(superd: Superd, text: str) -> None:
    config = superd.folder / "superd.toml"
    config.write_text(text)
    superd.arguments = ["--config", str(config)]


def get(url: str, timeout: float = WAIT) -> str:
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return str(answer.read().decode())


def test_metrics_are_what_happened_and_are_off_unless_configured(superd: Superd) -> None:
    metrics, port = free_port(), serve(superd, no_access='["127.0.0.9"]')
    configure(superd, "")
    superd.start()
    superd.command("status")  # a panel without metrics lives: the next one has them
    configure(superd, f'[metrics]\nlisten = "127.0.0.1:{metrics}"\n')
    superd.reload()
    talk(port, b"hi")
    talk(port, source="127.0.0.9")
    with connect(port):
        text = get(f"http://127.0.0.1:{metrics}/metrics")
    assert 'superd_sessions{service="cat"} 1.0' in text
    assert 'superd_sessions_started_total{service="cat"} 2.0' in text
    assert 'superd_refused_total{reason="address",service="cat"} 1.0' in text
    assert "127.0.0.9" not in text
    configure(superd, "")
    superd.reload()
    try:
        get(f"http://127.0.0.1:{metrics}/metrics")
    except urllib.error.URLError:
        pass
    else:
        raise AssertionError("metrics are served though they are off")


def test_metrics_on_a_path_and_on_an_address_that_is_taken(superd: Superd) -> None:
    serve(superd)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        configure(superd, f'[metrics]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n')
        superd.start()
        assert "[metrics] cannot listen on" in superd.message("[metrics]")["message"]
    configure(superd, f'[metrics]\nlisten = "unix:{superd.folder}/metrics"\n')
    superd.reload()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(WAIT)
        sock.connect(f"{superd.folder}/metrics")
        sock.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    assert b"superd_config_ok 1.0" in answer


def test_an_address_that_others_reach_needs_names(superd: Superd) -> None:
    config = superd.folder / "superd.toml"
    config.write_text('[metrics]\nlisten = "*:9190"\n')
    done = superd.command("check", str(config))
    assert done.returncode == 78
    assert "name who may ask in `allow`" in done.stdout + done.stderr


def test_clients_of_http_that_mean_ill_harm_nothing(superd: Superd) -> None:
    metrics, port = free_port(), serve(superd)
    configure(superd, f'[metrics]\nlisten = "127.0.0.1:{metrics}"\n')
    superd.start()
    silent = [socket.create_connection(("127.0.0.1", metrics), WAIT) for _ in range(20)]
    for data in (b"\xff" * 9000, b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5000):
        with socket.create_connection(("127.0.0.1", metrics), WAIT) as sock:
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
            except OSError:
                pass
    assert talk(port, b"hi") == b"hi"
    assert "superd_config_ok 1.0" in get(f"http://127.0.0.1:{metrics}/metrics")
    (panel,) = superd.panels()
    assert living(panel)
    for sock in silent:
        sock.close()


def test_prometheus_scrapes_and_the_alert_fires(superd: Superd) -> None:
    prometheus = needs("prometheus", "prometheus")
    metrics, web, port = free_port(), free_port(), serve(superd)
    configure(superd, f'[metrics]\nlisten = "127.0.0.1:{metrics}"\n')
    superd.start()
    talk(port, b"hi")
    superd.service("bad", 'server = "/bin/cat"\nport = 1\ninstances = "x"\n')
    assert superd.command("reload").returncode == 78
    folder = superd.folder / "prometheus"
    folder.mkdir()
    alerts = socket.create_server(("127.0.0.1", 0))  # Prometheus sends an alert that fires: nothing asks for it
    alerts.settimeout(WAIT)
    shutil.copy(RULES, folder / "superd.rules.yml")
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}\n"
        "rule_files: [superd.rules.yml]\n"
        f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alerts.getsockname()[1]}']}}]}}]}}\n"
        f"scrape_configs: [{{job_name: superd, static_configs: [{{targets: ['127.0.0.1:{metrics}']}}]}}]\n"
    )
    process = subprocess.Popen(
        [
            prometheus, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{web}",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with alerts.accept()[0] as connection, connection.makefile("rwb") as stream:
            connection.settimeout(WAIT)
            size = next(int(line.split()[1]) for line in stream if line.lower().startswith(b"content-length:"))
            while stream.readline().strip():
                pass
            sent = json.loads(stream.read(size))
            stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert {alert["labels"]["alertname"] for alert in sent} == {"SuperdReloadRefused"}
        query = f"http://127.0.0.1:{web}/api/v1/query?query=superd_sessions_started_total"
        (found,) = json.loads(get(query))["data"]["result"]
        assert found["value"][1] == "1"
    finally:
        process.terminate()
        process.wait(WAIT)
        alerts.close()
