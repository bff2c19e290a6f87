"""Entries with an error, through the real daemon: never served, never in the way of the others, never lost on a reload."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.daemon_process import Superd, free_port, talk


def entry(name: str, port: int, *, more: str = "") -> str:
    return (
        f"service {name}\n{{\n\ttype = UNLISTED\n\tport = {port}\n\tsocket_type = stream\n\twait = no\n"
        f"\tbind = 127.0.0.1\n\tuser = nobody\n\tserver = /bin/cat\n{more}}}\n"
    )


def test_a_wrong_entry_of_xinetd_conf_is_left_out_and_the_others_are_served(superd: Superd) -> None:
    good, bad = free_port(), free_port()
    conf = superd.folder / "xinetd.conf"
    conf.write_text(entry("bad", bad, more="\tonyl_from = 192.0.2.1\n") + entry("good", good))
    superd.start("--config", str(conf))
    assert talk(good, b"x") == b"x"
    superd.message("unknown attribute `onyl_from`")
    try:
        talk(bad, b"x")
    except ConnectionRefusedError:
        pass
    else:
        raise AssertionError("an entry with an error was served")


def test_a_reload_with_a_new_error_changes_nothing_and_one_with_the_old_error_is_carried_out(superd: Superd) -> None:
    good, bad, fresh = free_port(), free_port(), free_port()
    conf = superd.folder / "xinetd.conf"
    wrong = entry("bad", bad, more="\tonyl_from = 192.0.2.1\n")
    conf.write_text(wrong + entry("good", good))
    superd.start("--config", str(conf))
    conf.write_text(wrong + entry("good", good, more="\tgroup = nogrop\n"))
    assert "refused, nothing has changed" in superd.reload()
    assert talk(good, b"still") == b"still"
    conf.write_text(wrong + entry("good", good) + entry("fresh", fresh))
    assert "opened `fresh`" in superd.reload()
    assert talk(fresh, b"x") == b"x"


def test_a_file_that_was_emptied_changes_nothing(superd: Superd) -> None:
    good = free_port()
    conf = superd.folder / "conf"  # a name that tells nothing
    conf.write_text(entry("good", good))
    superd.start("--config", str(conf))
    conf.write_text("")
    assert "refused, nothing has changed" in superd.reload()
    assert talk(good, b"still") == b"still"


def test_a_file_cut_inside_its_last_entry_s_arguments_changes_nothing(superd: Superd) -> None:
    first, last = free_port(), free_port()
    conf = superd.folder / "inetd.conf"
    line = "127.0.0.1:{} stream tcp nowait nobody /bin/echo echo whole {}\n"
    text = line.format(first, 1) + line.format(last, 2)
    conf.write_text(text)
    superd.start("--config", str(conf))
    conf.write_text(text[: text.index("hole 1")])
    assert "refused, nothing has changed" in superd.reload()
    assert (talk(first), talk(last)) == (b"whole 1\n", b"whole 2\n")
    conf.write_text(text.removesuffix("\n") + " end\n")
    assert "changed" in superd.reload()
    assert talk(last) == b"whole 2 end\n"


def test_a_configuration_of_wrong_entries_alone_is_refused(tmp_path: Path) -> None:
    conf = tmp_path / "xinetd.conf"
    conf.write_text(entry("bad", free_port(), more="\tfrobnicate = 1\n"))
    ended = subprocess.run([sys.executable, "-m", "superd", "run", "--config", str(conf)], capture_output=True, text=True)
    assert ended.returncode == 78
    assert f"{conf}:10: error: unknown attribute `frobnicate`" in ended.stderr


def test_everything_wrong_with_a_file_is_said_at_once_and_in_the_order_of_its_lines(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('server = "/bin/none"\nlisten = ["127.0.0.1:7001"]\nusr = "nobody"\ninstances = "many"\n')
    (tmp_path / "b.toml").write_text('server = "/bin/cat"\nlisten = ["127.0.0.1:7001"]\nuser = "nobdy"\n')
    ended = subprocess.run([sys.executable, "-m", "superd", "check", str(tmp_path)], capture_output=True, text=True)
    assert ended.returncode == 78
    places = [line.removeprefix(f"{tmp_path}/").split(" ")[0] for line in ended.stderr.splitlines() if ": error: " in line]
    assert places == ["a.toml:1:", "a.toml:3:", "a.toml:4:", "b.toml:2:", "b.toml:3:"]
