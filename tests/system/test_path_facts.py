"""What messages say of paths."""

from __future__ import annotations

import os
from pathlib import Path

from superd.system import path_facts
from tests.needs import needs_root

ALICE, BOB = 54901, 54902


def test_a_program_is_judged_with_every_folder_above_it(services_dir: Path) -> None:
    needs_root()
    program = services_dir / "program"
    program.write_bytes(b"")
    assert path_facts.program_fault(str(program)) == "is not executable"
    program.chmod(0o755)
    assert path_facts.program_fault(str(program)) == ""
    assert path_facts.changed_by(str(program), ()) == ""
    program.chmod(0o777)
    assert path_facts.changed_by_every_user(str(program))
    program.chmod(0o755)
    os.chown(program, BOB, 0)
    assert path_facts.changed_by(str(program), ()) == f"belongs to uid {BOB}, not to root"
    assert path_facts.changed_by(str(program), (BOB,)) == ""
    os.chown(program, 0, 0)
    os.chown(services_dir, BOB, 0)
    assert path_facts.changed_by(str(program), ()) == f"the folder `{services_dir}` belongs to uid {BOB}, not to root"
    assert path_facts.changed_by(str(services_dir / "none"), (BOB,)) == ""


def test_a_log_that_root_may_not_append_to_is_reported_and_nothing_is_made(services_dir: Path) -> None:
    needs_root()
    folder = services_dir / "alice"
    folder.mkdir()
    os.chown(folder, ALICE, ALICE)
    assert path_facts.log_fault(str(folder / "x.log")) == ""
    (folder / "x.log").symlink_to("/etc/passwd")
    assert "is a link that another user can change" in path_facts.log_fault(str(folder / "x.log"))
    assert path_facts.log_fault("/no/such/folder/x.log") == ""
    assert [entry.name for entry in folder.iterdir()] == ["x.log"]


def test_the_folder_that_hides_a_file_from_a_user_is_named(services_dir: Path) -> None:
    needs_root()
    hidden = services_dir / "hidden"
    hidden.mkdir()
    hidden.chmod(0o700)
    (hidden / "in").mkdir()
    path = str(hidden / "in" / "hosts.deny")
    assert path_facts.hidden_by(path, BOB, BOB) == str(hidden)
    assert path_facts.hidden_by(path, 0, 0) == ""
    hidden.chmod(0o710)
    os.chown(hidden, 0, BOB)
    assert path_facts.hidden_by(path, BOB, BOB) == ""
    assert path_facts.hidden_by(path, ALICE, ALICE) == str(hidden)
    hidden.chmod(0o711)
    assert path_facts.hidden_by(path, ALICE, ALICE) == ""


def test_links_of_a_folder_that_is_a_program_s_root_stay_inside(tmp_path: Path) -> None:
    root = tmp_path / "jail"
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    (root / "sh").symlink_to("/bin/dash")
    (root / "up").symlink_to("../../../etc")
    (root / "loop").symlink_to("loop")
    found = {
        path: path_facts.inside(str(root), path) for path in ("/bin/sh", "/sh", "/up/passwd", "/../x", "/usr/./bin/../y", "/")
    }
    assert found == {
        "/bin/sh": f"{root}/usr/bin/sh", "/sh": f"{root}/usr/bin/dash", "/up/passwd": f"{root}/etc/passwd", "/../x": f"{root}/x",
        "/usr/./bin/../y": f"{root}/usr/y", "/": str(root),
    }  # fmt: skip
    assert not Path(path_facts.inside(str(root), "/loop")).exists()
