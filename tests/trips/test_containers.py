"""What containers lack: /proc, users, capabilities, /etc/passwd, a signal for the first process. Each works or says why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs, needs_root

ROOT = Path(__file__).parents[2]


@pytest.fixture
def port(superd: Superd) -> int:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nuser = "65534"\nlisten = ["127.0.0.1:{port}", "unix:{superd.folder}/s"]\n')
    return port


def test_without_proc_everything_is_served(superd: Superd, port: int) -> None:
    needs_root()
    superd.prefix = [needs("util-linux", "unshare"), "-m", "sh", "-c", 'mount -t tmpfs tmpfs /proc && exec "$@"', "sh"]
    superd.start()
    assert talk(port, b"x") == b"x"
    superd.service("echo", f'type = "INTERNAL"\nservice = "echo"\nlisten = ["127.0.0.1:{free_port()}"]\n')
    assert "opened `echo`" in superd.reload()
    superd.stop()
    assert superd.process is not None
    assert superd.process.returncode == 0
    assert not (superd.folder / "s").exists()


def test_root_of_a_namespace_with_one_user_is_one_identity_and_says_so(superd: Superd, port: int) -> None:
    superd.prefix = [needs("util-linux", "unshare"), "-r"]
    superd.start()
    superd.message("this user namespace has one user: front, launchers and programs all run as it")
    assert talk(port, b"x") == b"x"
    status = Path(f"/proc/{superd.front()}/status").read_text()
    assert {int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("CapPrm", "CapEff", "CapAmb"))} == {0}


def test_root_without_capabilities_names_those_that_it_lacks(superd: Superd, port: int) -> None:
    needs_root()
    superd.prefix = [needs("util-linux", "setpriv"), "--bounding-set=-all", "--inh-caps=-all"]
    with pytest.raises(AssertionError, match="did not start"):
        superd.start()
    assert superd.process is not None
    assert superd.process.wait(WAIT) == 77
    superd.message("superd lacks CAP_SETGID and CAP_SETUID, which becoming another user needs")


def test_without_passwd_and_group_a_number_is_a_user(superd: Superd, port: int) -> None:
    needs_root()
    empty = superd.folder / "etc"
    empty.mkdir()
    superd.prefix = [needs("util-linux", "unshare"), "-m", "sh", "-c", f'mount --bind {empty} /etc && exec "$@"', "sh"]
    superd.start()
    assert talk(port, b"x") == b"x"


def test_a_user_that_the_image_lacks_is_named_with_its_line(superd: Superd) -> None:
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{free_port()}"]\nuser = "www"\n')
    with pytest.raises(AssertionError, match="did not start"):
        superd.start()
    superd.message("cat.toml:3: error: user `www` does not exist")


def test_a_config_map_and_a_file_copied_with_mode_0664_are_read(superd: Superd, port: int) -> None:
    needs_root()
    mount = superd.folder / "map"
    (mount / "..2026").mkdir(parents=True)
    (mount / "..data").symlink_to("..2026")
    (superd.services / "cat.toml").rename(mount / "..2026" / "cat.toml")
    (mount / "cat.toml").symlink_to("..data/cat.toml")
    (mount / "..2026" / "cat.toml").chmod(0o664)
    for folder in (mount, mount / "..2026"):
        folder.chmod(0o777)
    with pytest.raises(AssertionError, match="did not start"):
        superd.start("--services", str(mount))
    superd.message(f"chmod go-w {mount}")
    superd.stop()
    # As the kubelet mounts it.
    script = f'mount --bind {mount} {mount} && mount -o remount,ro,bind {mount} && exec "$@"'
    superd.prefix = [needs("util-linux", "unshare"), "-m", "sh", "-c", script, "sh"]
    superd.start("--services", str(mount))
    assert talk(port, b"x") == b"x"


def test_a_bind_mount_of_another_user_is_refused_with_the_command_that_fixes_it(superd: Superd, port: int) -> None:
    needs_root()
    os.chown(superd.services, 1000, 1000)
    with pytest.raises(AssertionError, match="did not start"):
        superd.start()
    superd.message(f"chown root {superd.services}")


def test_what_a_read_only_mount_shows_of_another_user_is_to_be_changed_where_it_comes_from(superd: Superd, port: int) -> None:
    needs_root()
    os.chown(superd.services, 1000, 1000)
    mount = ["mount", "--bind", str(superd.services), str(superd.services)]
    subprocess.run(mount, check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(superd.services)], check=True)
        with pytest.raises(AssertionError, match="did not start"):
            superd.start()
        superd.message("chown it to root where it comes from, or run superd as uid 1000")
    finally:
        subprocess.run(["umount", str(superd.services)], check=True)


def test_a_failed_start_with_a_json_log_says_why_in_json(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.toml").write_text('server = "/bin/cat"\nuser = "www"\nlisten = ["127.0.0.1:7"]\nnise = 1\n')
    main = tmp_path / "superd.toml"
    command = [sys.executable, "-m", "superd", "run", "-c", str(main), "-s", str(tmp_path / "s")]
    for form, wanted in (("json", True), ("text", False)):
        main.write_text(f'[log]\nformat = "{form}"\n')
        done = subprocess.run(command, cwd=ROOT, timeout=WAIT, capture_output=True, check=False)
        lines = (done.stdout + done.stderr).decode().splitlines()
        assert (done.returncode, len([line for line in lines if "nise" in line])) == (78, 1)
        assert all(line.startswith("{") and json.loads(line)["level"] == "error" for line in lines) is wanted


EARLY = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in ("superd.cli.app", "superd.cli.xinetd"):
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Finder())
sys.argv = ["superd", sys.argv[1]]
from superd.cli import main
main()
"""


@pytest.mark.parametrize("command", ["run", "xinetd"])
def test_sigterm_before_anything_is_imported_ends_the_first_process(command: str) -> None:
    needs_root()
    prefix = [needs("util-linux", "unshare"), "--pid", "--fork", "--kill-child"]
    done = subprocess.run(
        [*prefix, sys.executable, "-c", EARLY, command], cwd=ROOT, timeout=WAIT, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
