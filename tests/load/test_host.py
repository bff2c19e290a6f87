"""What the checks know of this host."""

from __future__ import annotations

import os
from pathlib import Path

from superd.load.host import this_host
from tests.needs import needs_root

ALICE = 54901


def test_users_programs_and_folders_of_this_host_are_known(services_dir: Path) -> None:
    needs_root()
    host = this_host()
    assert host.root
    assert host.own_names >= {"root", "0"}
    assert (host.users("root"), host.users("no-such-user"), host.groups("root")) == (True, False, True)
    program = services_dir / "program"
    program.write_bytes(b"")
    program.chmod(0o757)
    assert host.program(str(program)) == "can be written by every user"
    assert host.program("/no/such") == "does not exist"
    assert host.not_only_root("/bin/sh") == ""
    os.chown(services_dir, ALICE, 0)
    assert "belongs to uid 54901" in host.socket_folder(str(services_dir / "s"), ("nobody", ""))
    assert host.socket_folder(str(services_dir / "s"), (str(ALICE), "no-such-user")) == ""
    (services_dir / "x.log").symlink_to("/etc/passwd")
    assert "link" in host.log_file(str(services_dir / "x.log"))
