"""The edge: TLS next to stunnel and HAProxy, what a PROXY header costs, what penalties of many sources cost."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from report import Aim, Table, number
from rows_inside import next_to
from servers import FIRST_PORT, Superd
from stand import Bench, Results, Server, Stand, median, ratio, total
from tools import HERE

from superd.policy.penalties import Cause, penalties_of
from superd.source_limits import PenaltyKeys

HEADER = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 22\r\n"
SOURCES = 100_000


def edge(bench: Bench) -> list[Table]:
    """TLS, PROXY headers, penalties."""
    return [_tls(bench), _proxied(bench), _penalties(bench)]


def _tls(bench: Bench) -> Table:
    """Whole handshakes a second, and MB/s of a stream that a C program sends, with one certificate for all."""
    folder, target = bench.row_folder("edge"), FIRST_PORT + 52
    pem = _certificate(folder)
    ports = {"superd": FIRST_PORT, "stunnel": FIRST_PORT + 2, "haproxy": FIRST_PORT + 3}
    ours = Superd(bench, folder)
    ours.add("tls", ports["superd"], redirect=f"127.0.0.1:{target}", more=f'tls = {{ cert = "{pem}" }}')
    servers = [Server("pump", [bench.program("pump"), str(target - 2)], target), ours.server(FIRST_PORT)]
    if "stunnel" in bench.peers:
        conf = folder / "stunnel.conf"
        conf.write_text(
            f"foreground = yes\npid =\nsocket = l:TCP_NODELAY=1\n[tls]\ncert = {pem}\n"
            f"accept = 127.0.0.1:{ports['stunnel']}\nconnect = 127.0.0.1:{target}\n"
        )
        servers.append(Server("stunnel", [bench.peers["stunnel"], str(conf)], ports["stunnel"]))
    if "haproxy" in bench.peers:
        conf = folder / "haproxy.cfg"
        conf.write_text(
            "global\n maxconn 1000\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 50s\n timeout server 50s\n"
            f"listen tls\n bind 127.0.0.1:{ports['haproxy']} ssl crt {pem}\n server pump 127.0.0.1:{target}\n"
        )
        servers.append(Server("haproxy", [bench.peers["haproxy"], "-f", str(conf), "-db"], ports["haproxy"]))
    tool = (sys.executable, str(HERE / "tls_load.py"))
    found: dict[str, Results] = {}
    with Stand(servers, bench.folder) as stand:
        stand.servers = [server for server in stand.servers if server.name in ports]
        for at_once in (1, 4):
            found[f"handshakes conn/s, {at_once} at once"] = bench.rounds_of(
                stand,
                lambda server, at_once=at_once: [*tool, "new", ports[server.name], bench.seconds(1), at_once],  # type: ignore[misc]
            )
        for at_once in (1, 4):
            found[f"recv MB/s, {at_once} at once"] = bench.rounds_of(
                stand,
                lambda server, at_once=at_once: [*tool, "recv", ports[server.name], bench.seconds(1), at_once],  # type: ignore[misc]
            )
    table = next_to("TLS", found, ["superd", "stunnel", "haproxy"])
    for what, results in found.items():
        key = "rate" if "conn/s" in what else "mbs"
        table.aims.append(Aim("edge", f"{what} next to stunnel", ratio(results, "superd", "stunnel", key), 0.5))
    table.notes.append("The clients are `openssl s_time` and `s_client`: they use as much of the processor as the servers do.")
    return table


def _certificate(folder: Path) -> Path:
    """A key and a certificate of P-256, in one file that `nobody` can read too."""
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    words += ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(words, check=True, capture_output=True)
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    both.chmod(0o644)
    return both


def _proxied(bench: Bench) -> Table:
    """An echo with and without a PROXY header before it."""
    folder = bench.row_folder("proxied")
    ours = Superd(bench, folder)
    ours.add("plain", FIRST_PORT, internal="echo")
    ours.add("proxied", FIRST_PORT + 1, internal="echo", more='proxy_protocol = "any"\nproxy_from = ["127.0.0.1"]')
    ways = {"without": (FIRST_PORT, "hello"), "with": (FIRST_PORT + 1, HEADER + "hello")}
    found: Results = {name: [] for name in ways}
    with Stand([ours.server(FIRST_PORT, (FIRST_PORT + 1,))], bench.folder) as stand:
        for _ in range(bench.rounds):
            for name, (port, message) in ways.items():
                trips = ["trips", "-p", port, "-c", 16, "-T", bench.seconds(0.7), "-m", message, "-w", 5]
                found[name].append(bench.measure(stand, stand.servers[0], trips))
    lines = [
        [
            name,
            number(median(found, name, "rate"), 0),
            number(median(found, name, "server_us"), 0),
            str(total(found, name, "errors")),
        ]
        for name in ways
    ]
    table = Table("An echo that a proxy announces", ["PROXY header", "superd conn/s", "CPU µs", "errors"], lines)
    table.aims.append(Aim("edge", "conn/s with a PROXY header next to without", ratio(found, "with", "without", "rate"), 0.7))
    return table


def _penalties(bench: Bench) -> Table:
    """What each penalty and each question costs in a table that many sources are in."""
    lines = []
    costs: dict[int, float] = {}
    for count in (100, bench.count(SOURCES)):
        table = penalties_of(PenaltyKeys.model_validate({"refused": 10}))
        assert table is not None
        began = time.perf_counter()
        for source in range(count):
            table.add((4, source), Cause.REFUSED, 1.0)
        added = time.perf_counter()
        for source in range(count):
            table.refuses((4, source), 2.0)
        asked = time.perf_counter()
        costs[count] = (asked - added) / count * 1e6
        lines.append([f"{count:,}", number((added - began) / count * 1e6, 2), number(costs[count], 2)])
    found = Table("Penalties", ["sources", "superd: a penalty, µs", "a question, µs"], lines)
    found.aims.append(Aim("edge", "a question of many sources next to 100", costs[count] / costs[100], 5, less=True))
    return found
