"""superd next to real tcpd under real xinetd, on one host with a name server and ident servers of its own: the same outcome.

The same clients ask both: with a good name, a forged one, one that leads nowhere, an alias, none, one whose name server
is dead, one whose reverse zone is delegated by a chain of CNAMEs, and one whose name's is, with answers that live for 0
seconds. What they hear, and what the rules' commands write, is the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.daemon_process import WAIT, Superd
from tests.needs import needs
from tests.world import World
from tests.xinetd_process import eventually

GOOD, FORGED, LOST, ALIAS, NUMBER, NAMELESS, DEAD, CLASSLESS, FLEETING = CLIENTS = tuple(
    f"10.9.0.{number}" for number in range(11, 20)
)
HOST = "10.9.0.1"


def pointer(address: str) -> str:
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa PTR"


ZONE: dict[str, list[str] | None] = {
    pointer(GOOD): ["Good.example.com"],
    pointer(FORGED): ["good.example.com"],
    pointer(LOST): ["lost.example.com"],
    pointer(ALIAS): ["alias.example.com"],
    pointer(NUMBER): ["10.9.0.11"],
    pointer(DEAD): None,
    pointer(HOST): ["server.example.org"],
    pointer(CLASSLESS).replace("PTR", "CNAME"): ["18.0-63.0.9.10.in-addr.arpa"],
    "18.0-63.0.9.10.in-addr.arpa CNAME": ["18.customer.example.net"],
    "18.customer.example.net PTR": ["delegated.example.com"],
    "delegated.example.com A": [CLASSLESS],
    pointer(FLEETING): ["fleeting.example.com"],
    "fleeting.example.com CNAME": ["hop.example.net"],
    "hop.example.net CNAME": ["end.example.net"],
    "end.example.net A": [FLEETING],
    "good.example.com A": [GOOD],
    "alias.example.com CNAME": ["good.example.com"],
    "server.example.org A": [HOST],
}
FLEET = ["18.customer.example.net", "delegated.example.com", pointer(FLEETING).split()[0], "end.example.net"]
"""Names whose answers live for 0 seconds."""
USERS = {
    GOOD: "%s : USERID : UNIX : joe\r\n",
    FORGED: "%s:USERID:OTHER ,US-ASCII:  joe smith\n",
    LOST: "%s : ERROR : NO-USER\r\n",
    ALIAS: "%s : USERID : UNIX : joe;id\r\n",
    NUMBER: "1,1 : USERID : UNIX : joe\r\n",
}
ALLOW = """\
d1 : good.example.com
d2 : .example.com
d3 : KNOWN : banners /etc/banners
d4 : ALL EXCEPT PARANOID UNKNOWN
d5 : joe@ALL : spawn echo d5 %N %a %n %h %c %s >> /var/log/notes : twist echo hello %u from %c
d6 : 10.9.0.1? : rfc931 : spawn echo d6 %u %c %h >> /var/log/notes : allow
d7 : @trusted EXCEPT @distrusted
"""
DENY = """\
d1 : PARANOID : twist echo 421 %n is not %a
d2 : UNKNOWN : banners /etc/banners
d5 : LOCAL, .example.com, ALL : deny
ALL EXCEPT d6 : ALL
"""
BANNER = "220-%n at %a,\n220 no end"
NETGROUPS = """\
trusted (Good.example.com,,) (delegated.example.com,,) more
more (paranoid,-,) (unknown,,nis.example.com)
distrusted (delegated.example.com,,)
"""
DAEMONS = ("d1", "d2", "d3", "d4", "d5", "d6", "d7")
ASK = """
import json, socket, sys, threading
jobs, answers = json.load(sys.stdin), {}
def ask(key, source, port):
    try:
        with socket.create_connection(("10.9.0.1", port), 15, source_address=(source, 0)) as sock:
            said = b""
            while piece := sock.recv(4096):
                said += piece
    except ConnectionResetError:
        said += b" (reset)"
    answers[key] = said.decode()
threads = [threading.Thread(target=ask, args=job) for job in jobs]
for thread in threads: thread.start()
for thread in threads: thread.join()
json.dump(answers, sys.stdout)
"""


class Inside:
    """Processes in the world of a superd that runs."""

    def __init__(self, superd: Superd) -> None:
        assert superd.process is not None
        self._enter = ["nsenter", "-t", str(superd.process.pid), "-n", "-m", "--wd=/", "--"]

    @contextmanager
    def process(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """A process that is ended at the end."""
        process = subprocess.Popen([*self._enter, *command], stdout=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(WAIT)
            assert process.stdout is not None
            process.stdout.close()


def furnish(world: World) -> None:
    """What both need on their host: programs, tables, banners, and where names are asked for."""
    (world.etc / "resolv.conf").unlink()
    (world.etc / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    (world.etc / "hosts").write_text("127.0.0.1 localhost\n")
    (world.etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\nnetgroup: files\n")
    (world.etc / "netgroup").write_text(NETGROUPS)
    (world.etc / "hosts.allow").write_text(ALLOW)
    (world.etc / "hosts.deny").write_text(DENY)
    (world.etc / "banners").mkdir()
    for name in DAEMONS:
        (world.etc / name).write_text("#!/bin/sh\necho served\n")
        (world.etc / name).chmod(0o755)
        (world.etc / "banners" / name).write_text(BANNER)


def xinetd_conf(tcpd: str, ports: dict[str, int]) -> str:
    services = [
        f"service {name}\n{{\n type = UNLISTED\n port = {port}\n socket_type = stream\n protocol = tcp\n wait = no\n"
        f" user = root\n flags = NAMEINARGS NOLIBWRAP\n server = {tcpd}\n server_args = /etc/{name}\n}}\n"
        for name, port in ports.items()
    ]
    return "defaults\n{\n instances = UNLIMITED\n cps = 1000 1\n per_source = UNLIMITED\n}\n" + "".join(services)


def test_the_same_clients_hear_the_same_of_superd_and_of_tcpd(superd: Superd) -> None:
    tcpd, xinetd = needs("tcpd", "tcpd"), needs("xinetd", "xinetd")
    world = World(superd, addresses=(HOST, *CLIENTS))
    furnish(world)
    for number, name in enumerate(DAEMONS):
        superd.service(name, f'server = "/etc/{name}"\nport = {2001 + number}\n')
    superd.start()
    inside = Inside(superd)
    (world.etc / "xinetd.conf").write_text(xinetd_conf(tcpd, {name: 3001 + number for number, name in enumerate(DAEMONS)}))
    notes, log = world.var_log / "notes", world.var_log / "xinetd.log"
    said = json.dumps({"zone": ZONE, "users": USERS, "fleeting": FLEET})
    servers = Path(__file__).parent.parent / "name_servers.py"
    with (
        inside.process(sys.executable, str(servers), said) as names,
        inside.process(xinetd, "-dontfork", "-f", "/etc/xinetd.conf", "-filelog", "/var/log/xinetd.log"),
    ):
        assert names.stdout is not None
        assert names.stdout.readline() == "ready\n"
        eventually(lambda: log.exists() and "Started working" in log.read_text(), "xinetd's start")
        outcomes: dict[str, dict[str, str]] = {}
        written: dict[str, list[str]] = {}
        for who, base in (("superd", 2001), ("tcpd", 3001)):
            jobs = [(f"{name} {source}", source, base + number) for number, name in enumerate(DAEMONS) for source in CLIENTS]
            outcomes[who] = json.loads(world.run(sys.executable, "-c", ASK, text=json.dumps(jobs)))
            written[who] = sorted(notes.read_text().splitlines())
            notes.unlink()
    assert outcomes["superd"] == outcomes["tcpd"]
    assert written["superd"] == written["tcpd"]
    # And that is what it should be, for the clients that matter most.
    heard = outcomes["superd"]
    assert heard[f"d1 {GOOD}"] == heard[f"d2 {GOOD}"] == "served\n"
    assert heard[f"d1 {FORGED}"] == f"421 paranoid is not {FORGED}\n"
    assert heard[f"d2 {NAMELESS}"] == f"220-unknown at {NAMELESS},\r\n220 no end"
    assert heard[f"d3 {GOOD}"] == f"220-Good.example.com at {GOOD},\r\n220 no endserved\n"
    assert heard[f"d5 {GOOD}"] == "hello joe from joe@Good.example.com\n"
    assert heard[f"d2 {CLASSLESS}"] == "served\n"
    assert heard[f"d1 {FLEETING}"] == f"421 paranoid is not {FLEETING}\n"
    assert heard[f"d7 {GOOD}"] == heard[f"d7 {NAMELESS}"] == heard[f"d7 {FORGED}"] == "served\n"
    assert heard[f"d7 {CLASSLESS}"] == ""
    assert [source for source in CLIENTS if heard[f"d6 {source}"] == "served\n"] == list(CLIENTS)


def test_a_dead_name_server_slows_down_nothing_else(superd: Superd) -> None:
    world = World(superd, addresses=(HOST, *CLIENTS))
    furnish(world)
    (world.etc / "hosts.allow").write_text("d1 : 10.9.0.12, .example.com\n")
    (world.etc / "hosts.deny").write_text("ALL : ALL\n")
    # No server answers there for as long as the test lasts.
    (world.etc / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:9\n")
    config = superd.folder / "superd.toml"
    config.write_text("stop_grace = 0.1\n[policy]\ndecide_timeout = 12\n")
    superd.service("d1", 'server = "/etc/d1"\nport = 2001\n')
    superd.start("--config", str(config))
    zone: dict[str, list[str] | None] = {pointer(address): None for address in CLIENTS}
    servers = Path(__file__).parent.parent / "name_servers.py"
    with Inside(superd).process(sys.executable, str(servers), json.dumps({"zone": zone, "users": {}})) as names:
        assert names.stdout is not None
        assert names.stdout.readline() == "ready\n"
        with Inside(superd).process("nc", "-s", GOOD, HOST, "2001") as waiting:
            # It hangs on its name; a client that needs none is served meanwhile, many times over.
            for _ in range(5):
                assert world.talk(2001, host=HOST, source=FORGED) == "served\n"
            assert waiting.poll() is None
