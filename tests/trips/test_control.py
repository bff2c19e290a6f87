"""The control socket of a real daemon: who may use it, what its commands answer, and what hostile clients harm."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from superd.wire.varlink import encode_call
from tests.daemon_process import ROOT, WAIT, Superd, free_port, living, talk
from tests.needs import needs, needs_root


def serve(superd: Superd, name: str = "cat", **keys: str) -> int:
    port = free_port()
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    superd.service(name, f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n{lines}')
    return port


def asked(superd: Superd, *words: str, status: int = 0) -> Any:
    done = superd.command(*words, "--json")
    assert done.returncode == status, (done.stdout, done.stderr)
    return json.loads(done.stdout)


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), WAIT, source_address=(source, 0))
    sock.sendall(b"x")
    assert sock.recv(1) == b"x"
    return sock


def test_a_status_says_what_is_served_and_the_panel_is_unprivileged(superd: Superd) -> None:
    port = serve(superd, instances="5")
    superd.start()
    assert superd.panels() == set()
    with connect(port):
        answer = asked(superd, "status")
        (cat,) = answer["services"]
        assert (cat["name"], cat["sessions"], cat["limit"], cat["started_hour"]) == ("cat", 1, 5, 1)
        kinds = {process["kind"] for process in answer["daemon"]["processes"]}
        assert {"master", "front", "panel", "launcher"} <= kinds
        (panel,) = superd.panels()
        facts = Path(f"/proc/{panel}/status").read_text()
        assert "CapEff:\t0000000000000000" in facts
        assert "Seccomp:\t2" in facts
        if ROOT:
            assert "Uid:\t0" not in facts
        text = superd.command("status").stdout
        assert "cat" in text
        assert "1/5" in text


def test_a_status_names_what_needs_a_person_and_exits_with_1(superd: Superd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        superd.service("held", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{taken.getsockname()[1]}"]\n')
        serve(superd)
        superd.start()
        done = superd.command("status")
        assert done.returncode == 1
        assert "1 thing needs you" in done.stdout
        assert "cannot listen on 127.0.0.1" in done.stdout
        assert "hint:" in done.stdout


def test_one_service_shows_its_refusals_with_the_last_client(superd: Superd) -> None:
    port = serve(superd, only_from='["127.0.0.1"]')
    superd.start()
    talk(port, b"hi")
    for _ in range(3):
        assert talk(port, source="127.0.0.9") == b""
    answer = asked(superd, "status", "cat")
    assert [(found["reason"], found["hour"], found["last_peer"]) for found in answer["refusals"]] == [("address", 3, "127.0.0.9")]
    assert {event["event"] for event in answer["last"]} == {"exit", "fail"}
    text = superd.command("status", "cat").stdout
    assert "127.0.0.9" in text
    assert "/bin/cat" in text


def test_an_unknown_service_is_answered_with_the_nearest(superd: Superd) -> None:
    serve(superd)
    superd.start()
    done = superd.command("status", "cta")
    assert done.returncode == 1
    assert "did you mean `cat`?" in done.stderr


def test_without_a_superd_the_status_is_69_and_says_how_to_start_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "superd", "status"],
        env=os.environ | {"SUPERD_SOCKET": str(tmp_path / "none")}, capture_output=True, text=True, timeout=WAIT, check=False,
    )  # fmt: skip
    assert done.returncode == 69
    assert "superd run" in done.stderr


# ---------------------------------------------------------------------------------------------------- who


def as_user(superd: Superd, uid: int, *words: str, groups: str = "") -> subprocess.CompletedProcess[str]:
    setpriv = needs("util-linux", "setpriv")
    options = [f"--groups={groups}"] if groups else ["--clear-groups"]
    return subprocess.run(
        [setpriv, f"--reuid={uid}", f"--regid={uid}", *options, sys.executable, "-m", "superd", *words],
        env=superd.environment | {"HOME": "/"}, cwd=Path(__file__).parent.parent.parent,
        capture_output=True, text=True, timeout=WAIT, check=False,
    )  # fmt: skip


def test_admins_viewers_and_strangers(superd: Superd) -> None:
    needs_root()
    config = superd.folder / "superd.toml"
    config.write_text('[control]\nadmins = ["4711", "%4712"]\nviewers = ["4713"]\n')
    superd.arguments = ["--config", str(config)]
    serve(superd)
    superd.start()
    for uid, groups, look, change in ((4711, "", 0, 0), (4700, "4712", 0, 0), (4713, "", 0, 77), (4714, "", 77, 77)):
        assert as_user(superd, uid, "status", groups=groups).returncode == look, uid
        assert as_user(superd, uid, "reload", groups=groups).returncode == change, uid


def test_a_reload_changes_who_may_look(superd: Superd) -> None:
    needs_root()
    config = superd.folder / "superd.toml"
    config.write_text("")
    superd.arguments = ["--config", str(config)]
    serve(superd)
    superd.start()
    assert as_user(superd, 4713, "status").returncode == 77
    assert as_user(superd, 4711, "reload").returncode == 77
    config.write_text('[control]\nadmins = ["4711"]\nviewers = ["4713"]\n')
    superd.reload()
    assert as_user(superd, 4713, "status").returncode == 0
    assert as_user(superd, 4711, "reload").returncode == 0


def test_superds_own_unprivileged_user_may_use_nothing(superd: Superd) -> None:
    needs_root()
    config = superd.folder / "superd.toml"
    config.write_text('user = "nobody"\n[control]\nadmins = ["nobody", "%nogroup"]\n')
    superd.arguments = ["--config", str(config)]
    serve(superd)
    superd.start()
    assert as_user(superd, 65534, "status").returncode == 77


# ---------------------------------------------------------------------------------------------------- hostile clients


def raw(superd: Superd) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(superd.control))  # blocking: a full queue would be EAGAIN else
    sock.settimeout(WAIT)
    return sock


def test_garbage_a_thousand_connections_and_sudden_deaths_harm_nothing(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    for data in (b"\xff\xfe\0", b"GET / HTTP/1.1\r\n\r\n", b"[" * 70000, b'{"method":1}\0'):
        with raw(superd) as sock:
            try:
                sock.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass
    deaf = [raw(superd) for _ in range(60)]
    for sock in deaf:
        sock.sendall(encode_call("superd.Control.ListEvents", {"follow": True}, more=True) * 20)
    for _ in range(1000):
        raw(superd).close()
    assert talk(port, b"hi") == b"hi"
    assert asked(superd, "status")["services"][0]["name"] == "cat"
    for sock in deaf:
        sock.close()
    (panel,) = superd.panels()
    assert living(panel)


def test_a_front_that_dies_and_a_panel_that_dies_are_replaced(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    assert asked(superd, "status")["problems"] == []
    for _ in range(2):
        front = superd.front()
        os.kill(front, 9)
        superd.message("the front ended")
        assert talk(port, b"hi") == b"hi"  # of another front: this one is dead
        assert asked(superd, "status")["services"][0]["name"] == "cat"
    (panel,) = superd.panels()
    os.kill(panel, 9)
    superd.message("the panel ended")
    assert asked(superd, "status")["services"][0]["name"] == "cat"
    assert superd.panels() != {panel}


def test_a_second_superd_names_the_holder_of_the_socket_and_serves(superd: Superd, tmp_path: Path) -> None:
    serve(superd)
    superd.start()
    folder = tmp_path / "other"
    (folder / "services.d").mkdir(parents=True)
    second = Superd(folder / "services.d", folder)
    second.control = superd.control
    port = serve(second)
    try:
        second.start()
        assert superd.process is not None
        assert f"pid {superd.process.pid} has it" in second.message("no control socket")["message"]
        assert talk(port, b"hi") == b"hi"
    finally:
        second.stop()
    assert asked(superd, "status")["daemon"]["pid"] == superd.process.pid


def test_the_socket_goes_with_superd(superd: Superd) -> None:
    serve(superd)
    superd.start()
    assert superd.control.exists()
    asked(superd, "status")
    superd.stop()
    assert not superd.control.exists()


def test_varlinkctl_is_a_client(superd: Superd) -> None:
    serve(superd)
    superd.start()
    with raw(superd) as sock:  # what varlinkctl sends, byte by byte
        for byte in b'{"method":"org.varlink.service.GetInfo","parameters":{}}\0':
            sock.sendall(bytes((byte,)))
        assert json.loads(sock.recv(65536)[:-1])["parameters"]["product"] == "superd"
    varlinkctl = shutil.which("varlinkctl")
    if varlinkctl is None:
        return  # systemd before 255 has none
    done = subprocess.run(
        [varlinkctl, "--json=short", "call", str(superd.control), "superd.Control.GetStatus", "{}"],
        capture_output=True, timeout=WAIT, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["services"][0]["name"] == "cat"


def test_logs_follow_over_an_upgrade(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    following = subprocess.Popen(
        [sys.executable, "-m", "superd", "logs", "-f", "--json", "--event", "exit"],
        env=superd.environment, cwd=Path(__file__).parent.parent.parent, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert following.stdout is not None
    try:
        talk(port, b"one")
        first = json.loads(following.stdout.readline())
        assert superd.process is not None
        superd.process.send_signal(signal.SIGUSR2)
        superd.message("upgrade: done")
        talk(port, b"two")
        second = json.loads(following.stdout.readline())
        assert first["session"] != second["session"]
    finally:
        following.kill()
        following.communicate()
