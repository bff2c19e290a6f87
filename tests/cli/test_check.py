"""``superd check`` next to the real tcpdchk over the same tables on the same host: wherever that warns, superd does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Authority
from tests.daemon_process import Superd
from tests.needs import needs
from tests.world import World

ROOT = Path(__file__).parent.parent.parent
HOSTS = """\
127.0.0.1 localhost
10.9.0.1 friend.example.com pal
10.9.0.1 dyn.example.com
10.9.0.2 two.example.com
10.9.0.3 two.example.com
"""
ALLOW = """\
cat : friend.example.com
cat : pal
cat : dyn.example.com
cat : nowhere.example.com
cat@two.example.com : 10.
cat : @nobody
cat : @friends
cat : /etc/no-such-file
cat : 10.1.2.3/255.255.0.x
cat : FAIL
cat : client.
cat : .10.1
cat : .bob@friend.example.com
cat : FAIL@friend.example.com
cat : LOCAL@friend.example.com
cat : 192.0.2.1 : user no-such-user
cat : 192.0.2.2 : banners /etc/no-such-folder
cat : 192.0.2.3 : severity loud
cat : 192.0.2.4 : nonsense
@cat : 192.0.2.5
/cat : 192.0.2.6
.cat : 192.0.2.7
cat. : 192.0.2.8
FAIL : 192.0.2.9
KNOWN : 192.0.2.10
ALL EXCEPT : 192.0.2.11
cat : 192.0.2.12 EXCEPT
nonsense
cat : 192.0.2.13"""
QUIET = {1, 7}
"""The lines of hosts.allow above that get no warning."""
NOT_WARNED = re.compile(r"no such process name in|service possibly not wrapped|name lookup failed")


def in_world(world: World, *arguments: str) -> list[dict[str, object]]:
    command = f"PYTHONPATH={ROOT} {sys.executable} -m superd check --json {' '.join(arguments)}; true"
    found = json.loads(world.run("sh", "-c", command))
    assert isinstance(found, list)
    return found


@pytest.fixture
def world(superd: Superd) -> World:
    made = World(superd)
    (made.etc / "hosts").write_text(HOSTS)
    (made.etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\nnetgroup: files\n")
    (made.etc / "netgroup").write_text("friends (friend.example.com,,)\n")
    (made.etc / "inetd.conf").write_text("")
    superd.service("cat", 'server = "/bin/cat"\nport = 7\n')
    superd.start()
    return made


def test_every_line_that_tcpdchk_warns_of_is_named(superd: Superd, world: World) -> None:
    tcpdchk = needs("tcpd", "tcpdchk")
    (world.etc / "hosts.allow").write_text(ALLOW)
    # Debian's tcpdchk tells its warnings to syslog alone.
    with world.hears_syslog() as heard:
        world.run(tcpdchk, "-i", "/etc/inetd.conf")
    theirs = {
        int(at[1]) for line in heard if not NOT_WARNED.search(line) and (at := re.search(r"hosts\.allow, line (\d+)", line))
    }
    said = in_world(world, str(superd.services), "--hosts-allow", "/etc/hosts.allow")
    ours = {int(str(one["line"])) for one in said if one["file"] == "/etc/hosts.allow"}
    assert len(theirs) >= 20
    assert theirs <= ours, "\n".join(heard)
    assert ours == set(range(1, ALLOW.count("\n") + 2)) - QUIET


def test_names_are_reported_as_they_should_be(superd: Superd, world: World) -> None:
    (world.etc / "hosts.allow").write_text("\n".join(ALLOW.splitlines()[:5]) + "\n")
    said = in_world(world, str(superd.services), "--hosts-allow", "/etc/hosts.allow")
    assert [(one["line"], one["message"], one["hint"]) for one in said] == [
        (2, "`pal` is an alias: clients are known by their official name", "write `cat : friend.example.com`"),
        (
            3,
            "the address of `dyn.example.com` is called `friend.example.com`, so this name never matches",
            "write `cat : friend.example.com`",
        ),
        (4, "host `nowhere.example.com` not found: it never matches", ""),
        (5, "`two.example.com` has more than one address: write the one that is meant", ""),
    ]


def test_names_and_netgroups_in_a_file_that_a_pattern_names_are_reported_as_by_tcpdchk(superd: Superd, world: World) -> None:
    tcpdchk = needs("tcpd", "tcpdchk")
    (world.etc / "hosts.allow").write_text("cat : /etc/list\n")
    (world.etc / "list").write_text("friend.example.com\nnowhere.example.com\n@nobody @friends\n.example.com LOCAL\npal\n")
    with world.hears_syslog() as heard:
        world.run(tcpdchk, "-i", "/etc/inetd.conf")
    theirs = {int(at[1]) for line in heard if (at := re.search(r"/etc/list, line (\d+)", line))}
    said = in_world(world, str(superd.services), "--hosts-allow", "/etc/hosts.allow")
    assert {one["line"] for one in said} == theirs == {2, 3, 5}
    assert [(one["file"], one["message"], one["hint"]) for one in said] == [
        ("/etc/list", "host `nowhere.example.com` not found: it never matches", ""),
        ("/etc/list", "`@nobody`: unknown or empty netgroup", ""),
        ("/etc/list", "`pal` is an alias: clients are known by their official name", "write `friend.example.com`"),
    ]


def test_a_redirect_to_an_unknown_host_is_reported(superd: Superd, world: World) -> None:
    superd.service("known", 'redirect = "friend.example.com:7"\nport = 8\n')
    superd.service("numeric", 'redirect = "192.0.2.1:7"\nport = 9\n')
    superd.service("unknown", 'port = 10\nredirect = "nowhere.example.com:7"\n')
    said = in_world(world, str(superd.services))
    (one,) = said
    assert (one["file"], one["line"], one["severity"]) == (str(superd.services / "unknown.toml"), 2, "warning")
    assert "host `nowhere.example.com` not found" in str(one["message"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "services.d").mkdir()
    (tmp_path / "services.d" / "cat.toml").write_text('server = "/bin/cat"\nlisten = ["127.0.0.1:7001"]\nuser = "root"\n')
    return tmp_path


def status_and_problems(capsys: pytest.CaptureFixture[str], **how: Any) -> tuple[int, list[tuple[str, int, str]]]:
    from superd.cli.check import check
    from superd.cli.sources import sources_of

    options: dict[str, Any] = {"strict": False, "form": "json", "explicit": False} | how
    status = check(sources_of(None, [Path("services.d")], "hosts.allow", "hosts.deny"), **options)
    problems = json.loads(capsys.readouterr().out)
    return status, [(Path(one["file"]).name, one["line"], one["message"]) for one in problems]


def test_warnings_fail_only_where_that_is_wanted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "hosts.deny").write_text("cat : 10.1.2.3/24\n")
    said = [("hosts.deny", 1, "`10.1.2.3/24` has host bits set: it never matches")]
    assert status_and_problems(capsys) == (0, said)
    assert status_and_problems(capsys, strict=True) == (1, said)


def test_what_hosts_allow_covers_in_hosts_deny_is_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "hosts.allow").write_text("cat : 10.\n")
    (folder / "hosts.deny").write_text("cat : 10.1.\nALL : ALL\n")
    assert status_and_problems(capsys) == (0, [("hosts.deny", 1, f"can never match: {folder}/hosts.allow:1 covers it")])


def test_the_files_that_patterns_name_are_looked_through(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "list").write_text("10.1.2.0/24\n10.1.2.3/24 bob@10.\n# the office\n")
    (folder / "hosts.deny").write_text(f"cat : {folder}/list\n")
    said = status_and_problems(capsys)[1]
    # Without a network the words of the comment are names that no server answers for.
    assert [problem for problem in said if "could not be looked up now" not in problem[2]] == [
        ("list", 2, "`10.1.2.3/24` has host bits set: it never matches"),
        ("list", 2, "`bob@10.`: no user can stand here, so it never matches"),
        ("list", 3, "such a file has no comments: these words are patterns"),
    ]


def test_wrong_services_do_not_hide_what_is_wrong_with_the_tables(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "services.d" / "dog.toml").write_text("nonsense = true\n")
    (folder / "hosts.deny").write_text("nonsense\ncat : 10.1\n")
    status, said = status_and_problems(capsys)
    assert status == 78
    assert {(file, line) for file, line, _ in said} == {("dog.toml", 1), ("hosts.deny", 1), ("hosts.deny", 2)}
    assert len(said) == len(set(said))


def test_a_table_that_every_user_can_write_is_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = folder / "open"
    place.mkdir()
    place.chmod(0o777)
    (place / "hosts.allow").write_text("cat : ALL\n")
    (folder / "hosts.allow").symlink_to(place / "hosts.allow")
    ((file, line, message),) = status_and_problems(capsys)[1]
    assert (file, line) == ("hosts.allow", 0)
    assert re.search(rf"`{place}` can be written by (every user|others)", message)


def test_an_end_that_is_not_written_is_reported_where_that_is_wanted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "hosts.allow").write_text("cat : 10.\ncat : 11. : allow\ncat : 12. : deny\n")
    assert status_and_problems(capsys) == (0, [])
    assert status_and_problems(capsys, explicit=True) == (0, [("hosts.allow", 1, 'implicit "allow" at the end of the rule')])


def test_what_a_table_holds_is_shown_so_that_no_terminal_obeys_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from superd.cli.check import check
    from superd.cli.sources import sources_of

    (folder / "hosts.allow").write_bytes(b"\x1b]0;evil\x07 \xff no rule\n")
    check(sources_of(None, [Path("services.d")], "hosts.allow", "hosts.deny"), strict=False, form="text", explicit=False)
    said = capsys.readouterr()
    assert "\\x1b]0;evil\\x07 \\xff no rule" in said.out + said.err
    assert "\x1b" not in said.out + said.err


CANDIDATE = 'server = "/bin/cat"\nuser = "nobody"\nport = {}\n'


def candidate(folder: Path, text: str, name: str = "") -> dict[str, Any]:
    file = folder / "tmpx3k2"
    file.write_text(text)
    words = ["--candidate", str(file), *(("--as", name) if name else ())]
    done = subprocess.run(
        [sys.executable, "-m", "superd", "check", "-s", folder / "services.d", *words], capture_output=True, text=True
    )
    return {"status": done.returncode, "out": done.stdout, "err": done.stderr.replace(f"{folder}/", "")}


def test_a_candidate_is_checked_in_the_place_of_the_file_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "services.d").mkdir()
    (tmp_path / "services.d/a.toml").write_text(CANDIDATE.format(7001))
    (tmp_path / "services.d/b.toml").write_text(CANDIDATE.format(7002))
    assert candidate(tmp_path, CANDIDATE.format(7001), "a") == {"status": 0, "out": "2 services, no errors\n", "err": ""}
    assert candidate(tmp_path, CANDIDATE.format(7003), "c")["out"] == "3 services, no errors\n"
    clash = candidate(tmp_path, CANDIDATE.format(7002), "a")
    assert clash["status"] == 78
    assert "7002/stream is taken by service `a` (tmpx3k2:3)" in clash["err"]


def test_a_candidate_has_the_fragments_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "services.d/a.toml.d").mkdir(parents=True)
    (tmp_path / "services.d/a.toml.d/1.toml").write_text("bogus = 1\n")
    assert candidate(tmp_path, CANDIDATE.format(7001), "a.toml")["status"] == 78


@pytest.mark.parametrize("name", ["../a", ".a", "/etc/a"])
def test_a_candidate_with_a_name_that_no_file_can_have_is_wrong_usage(tmp_path: Path, name: str) -> None:
    (tmp_path / "services.d").mkdir()
    assert candidate(tmp_path, CANDIDATE.format(7001), name)["status"] == 64


def test_a_candidate_that_does_not_exist_is_wrong_usage(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "superd", "check", "--candidate", tmp_path / "none.toml"], capture_output=True, text=True
    )
    assert (done.returncode, "is not a file" in done.stderr) == (64, True)


def test_a_key_of_another_certificate_is_an_error(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("a")[0], authority.issue("b")[1]
    tls = f'tls = {{ cert = "{cert}", key = "{key}" }}\n'
    (folder / "services.d" / "x.toml").write_text(f'server = "/bin/cat"\nuser = "root"\nport = 7\n{tls}')
    status, problems = status_and_problems(capsys)
    assert status == 78
    assert any("the key cannot be used with" in text for _, _, text in problems)
