"""Sandboxes, through the real daemon: what a program sees, and what it cannot do however it tries."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs, needs_root

SEES = r"""
echo pid=$$
echo processes=$(ls /proc | grep -c "^[0-9]")
echo links=$(grep -c : /proc/net/dev)
echo tmp=$(ls /tmp | wc -l)
echo x > /tmp/superd-test-$$ && echo "write tmp=yes"
(echo x > /var/superd-test) 2>/dev/null && echo "write var=yes"
ls /home >/dev/null 2>&1 && echo "home=yes"
cat /etc/shadow >/dev/null 2>&1 && echo "shadow=yes"
unshare -r true 2>/dev/null && echo "unshare=yes"
rm -f /tmp/superd-test-$$
sed -n "s/^NoNewPrivs:[[:space:]]*/nnp=/p;s/^CapBnd:[[:space:]]*/bounding=/p" /proc/self/status
sed -n "s/^CapEff:[[:space:]]*/effective=/p" /proc/self/status
id -u | sed s/^/uid=/
"""


@pytest.fixture
def probe() -> str:
    """The start of a service whose program prints what it sees."""
    needs_root()
    needs("util-linux", "unshare")
    text = SEES.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'server = "/bin/sh"\nserver_args = ["-c", "{text}"]\n'


def seen(port: int) -> dict[str, str]:
    return dict(line.split("=", 1) for line in talk(port).decode().splitlines())


def test_a_program_in_strict_sees_itself_alone_and_one_outside_sees_the_host(superd: Superd, probe: str) -> None:
    inside, outside = free_port(), free_port()
    superd.service("inside", f'{probe}user = "nobody"\nlisten = ["127.0.0.1:{inside}"]\nsandbox = "strict"\n')
    superd.service("outside", f'{probe}user = "nobody"\nlisten = ["127.0.0.1:{outside}"]\n')
    superd.start()
    for _ in range(2):
        found = seen(inside)
        assert (found["pid"], found["links"], found["tmp"], found["uid"]) == ("1", "1", "0", "65534")
        assert int(found["processes"]) < 5
        assert found["write tmp"] == "yes"
        assert not found.keys() & {"write var", "home", "shadow", "unshare"}
        assert (found["nnp"], int(found["bounding"], 16), int(found["effective"], 16)) == ("1", 0, 0)
    found = seen(outside)
    assert found["pid"] != "1"
    assert found["nnp"] == "0"
    assert int(found["bounding"], 16) != 0


def test_one_key_does_its_own_work_alone(superd: Superd, probe: str) -> None:
    ports = {
        key: free_port() for key in ("no_new_privs = true", "private_network = true", "private_ipc = true", 'hide = "/home"')
    }
    for number, (key, port) in enumerate(ports.items()):
        superd.service(f"s{number}", f'{probe}user = "nobody"\nlisten = ["127.0.0.1:{port}"]\nsandbox = {{ {key} }}\n')
    superd.start()
    found = [seen(port) for port in ports.values()]
    assert [one["nnp"] for one in found] == ["1", "0", "0", "0"]
    assert [one["links"] == "1" for one in found][1]
    assert ["home" in one for one in found] == [True, True, True, False]
    assert all(one["pid"] != "1" for one in found)


def copy_program(root: Path, *names: str) -> None:
    """Put programs into a folder, with the libraries that they load."""
    for name in names:
        words = subprocess.run(["ldd", name], capture_output=True, text=True, check=True).stdout
        for path in (name, *re.findall(r"/\S+", words)):
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(path), target)


def test_a_folder_is_the_root_of_a_program_that_starts_and_ends_there_like_others(superd: Superd, tmp_path: Path) -> None:
    needs_root()
    needs("libc-bin", "ldd")
    root = tmp_path / "jail"
    copy_program(root, "/bin/sh", "/bin/ls", "/bin/cat", "/usr/bin/setsid", "/bin/sleep")
    ports = [free_port(), free_port()]
    left = "setsid sleep 999 & echo $(ls /) $(ls /dev); cat /etc/passwd 2>/dev/null; cat"
    text = f'server = "/bin/sh"\nserver_args = ["-c", "{left}"]\nuser = "nobody"\nsandbox.root = "{root}"\n'
    superd.service("bare", f'{text}listen = ["127.0.0.1:{ports[0]}"]\nlimits.kill_grace = 0.2\n')
    full = tmp_path / "full"
    shutil.copytree(root, full)
    for name in ("proc", "dev", "tmp"):
        (full / name).mkdir()
    text = text.replace(str(root), str(full))
    superd.service("full", f'{text}listen = ["127.0.0.1:{ports[1]}"]\nsandbox.preset = "strict"\nsandbox.hide = []\n')
    superd.start()
    for port, wanted in ((ports[0], b"bin lib"), (ports[1], b"bin dev lib")):
        answer = talk(port, b"to cat")
        assert answer.startswith(wanted), answer
        assert answer.endswith(b"to cat")
        assert b"root:" not in answer
    assert b"null" in answer
    pid = superd.event(event="exit", service="bare")["pid"]
    # The launcher reads /proc, which its root does not have: what the program left in a session of its own ends.
    wait_until_gone(pid)
    assert superd.event(event="start", service="full")["pid"] != 1


def wait_until_gone(program: int) -> None:
    """Return when no `sleep 999` of this program's client is left: its environment has the port of the client."""
    deadline = time.monotonic() + WAIT
    while found := [pid for pid in os.listdir("/proc") if pid.isdecimal() and command(pid) == b"sleep\x00999\x00"]:
        assert time.monotonic() < deadline, f"{found} of {program} is left"
        os.sched_yield()


def command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_landlock_opens_what_is_named_alone(superd: Superd, tmp_path: Path) -> None:
    needs_root()
    for name in ("open", "closed"):
        tmp_path.joinpath(name).mkdir()
        tmp_path.joinpath(name).chmod(0o777)
        tmp_path.joinpath(name, "file").write_text(name)
    script = "; ".join(
        [f"cat {tmp_path}/{name}/file 2>/dev/null" for name in ("open", "closed")]
        + [f"echo new > {tmp_path}/{name}/new" for name in ("open", "closed")]
    )
    port, apart = free_port(), free_port()
    words = ", ".join(
        f'"{word}"' for word in ("/usr", "/bin", "/lib", "-/lib64", "/etc/ld.so.cache", f"rw:{tmp_path}/open", "rw:/dev/null")
    )
    text = f'server = "/bin/sh"\nserver_args = ["-c", "{script}"]\nuser = "nobody"\nsandbox.landlock = [{words}]\n'
    superd.service("here", f'{text}listen = ["127.0.0.1:{port}"]\n')
    superd.service("apart", f'{text}listen = ["127.0.0.1:{apart}"]\nsandbox.private_pids = true\n')
    superd.start()
    for each in (port, apart):
        assert talk(each) == b"open"
        assert (tmp_path / "open" / "new").read_text() == "new\n"
        assert not (tmp_path / "closed" / "new").exists()
        (tmp_path / "open" / "new").unlink()


USERS = range(1879048192, 1879048197)


def test_each_program_has_a_user_of_its_own_and_one_too_many_waits_for_it(superd: Superd, probe: str) -> None:
    port, held = free_port(), free_port()
    sandbox = f'sandbox = {{ preset = "strict", dynamic_user = "{USERS[0]}-{USERS[-1]}" }}\n'
    superd.service("probe", f'{probe}listen = ["127.0.0.1:{port}"]\ninstances = 4\n{sandbox}')
    other = sandbox.replace(f"{USERS[0]}-{USERS[-1]}", f"{USERS[-1] + 1}-{USERS[-1] + 3}")
    superd.service("held", f'server = "/bin/sh"\nserver_args = ["-c", "id -u; cat"]\nlisten = ["127.0.0.1:{held}"]\n{other}')
    superd.start()
    found = [seen(port) for _ in range(6)]
    assert {int(one["uid"]) for one in found} == set(USERS[1:])
    assert all((one["pid"], one["tmp"], one["write tmp"], int(one["effective"], 16)) == ("1", "0", "yes", 0) for one in found)
    assert all(one["nnp"] == "1" and not one.keys() & {"write var", "home", "shadow", "unshare"} for one in found)
    clients = [socket.create_connection(("127.0.0.1", held), WAIT) for _ in range(3)]
    users = [clients[number].recv(100) for number in range(2)]
    assert sorted(map(int, users)) == [USERS[-1] + 2, USERS[-1] + 3]
    clients[0].close()  # the third client gets its user
    assert clients[2].recv(100) == users[0]
    launcher = next(pid for pid in superd.launchers() if os.stat(f"/proc/{pid}").st_uid in (0, USERS[-1] + 1))
    assert launcher
    for client in clients[1:]:
        client.close()


def test_a_program_of_a_dead_launcher_keeps_its_user_and_its_limits(superd: Superd) -> None:
    needs_root()
    port = free_port()
    superd.service(
        "held",
        f'server = "/bin/sh"\nserver_args = ["-c", "id -u; cat"]\nlisten = ["127.0.0.1:{port}"]\ninstances = 4\n'
        f'sandbox = {{ preset = "strict", dynamic_user = "{USERS[0]}-{USERS[-1]}" }}\nlimits.kill_grace = 0.2\n',
    )
    superd.start()
    first = socket.create_connection(("127.0.0.1", port), WAIT)
    user = int(first.recv(100))
    started = superd.event(event="start", service="held")
    for pid in superd.launchers():
        os.kill(pid, signal.SIGKILL)
    others = {int(talk(port)) for _ in range(3)}
    assert user not in others
    first.sendall(b"still here")
    assert first.recv(100) == b"still here"
    first.close()
    assert superd.event(event="exit", service="held", pid=started["pid"])["status"] == 0
