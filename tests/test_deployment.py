"""What packaging/ holds for fleets and other distributions is understood by the tools it is for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from superd import __version__
from tests.needs import needs, needs_root

ROOT = Path(__file__).parent.parent
PACKAGING = ROOT / "packaging"
ANSIBLE = PACKAGING / "ansible"


def play(folder: Path, *arguments: str, keys: str = "") -> subprocess.CompletedProcess[str]:
    """The play of packaging/ansible on this host, with ``folder`` for /etc/superd/services.d."""
    program = needs("ansible-core", str(Path(sys.executable).parent / "ansible-playbook"))
    extra = f'{{"superd_folder": "{folder}", "superd_program": "{Path(sys.executable).parent / "superd"}"{keys}}}'
    command = [program, "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}", "-e", extra]
    environ = {
        **os.environ,
        "ANSIBLE_LOCAL_TEMP": str(folder.parent / "local"),
        "ANSIBLE_REMOTE_TEMP": str(folder.parent / "remote"),
    }
    environ |= {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_DEPRECATION_WARNINGS": "0"}
    return subprocess.run([*command, *arguments, ANSIBLE / "playbook.yml"], capture_output=True, text=True, env=environ)


def changes(done: subprocess.CompletedProcess[str]) -> int:
    found = re.search(r"changed=(\d+) .*failed=0", done.stdout)
    assert found is not None, done.stdout + done.stderr
    return int(found[1])


@pytest.mark.timeout(180)  # five plays of some seconds each
def test_a_play_changes_once_and_in_check_mode_nothing(services_dir: Path) -> None:
    needs_root()
    done = play(services_dir, "--check", "--diff")
    assert changes(done) == 1
    assert '+server = "/bin/echo"' in done.stdout
    assert not list(services_dir.iterdir())
    assert changes(play(services_dir)) == 1
    assert (services_dir / "hello.toml").read_text().startswith("# Written by Ansible")
    assert changes(play(services_dir)) == 0
    (services_dir / "gone.toml").write_text("disable = true\n")
    assert changes(play(services_dir)) == 1
    assert [path.name for path in services_dir.iterdir()] == ["hello.toml"]


def test_a_service_that_superd_refuses_is_never_written(services_dir: Path) -> None:
    needs_root()
    done = play(services_dir, keys=', "superd_services": {"hello": {"server": "/bin/echo", "user": "nobody", "waite": true}}')
    assert done.returncode == 2
    assert "unknown key `waite`" in done.stdout
    assert not list(services_dir.iterdir())


def test_ansible_lint_finds_nothing_to_say() -> None:
    program = needs("ansible-lint", str(Path(sys.executable).parent / "ansible-lint"))
    done = subprocess.run([program, "--offline", "--strict", "-q"], cwd=ANSIBLE, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_rpmlint_finds_nothing_to_say() -> None:
    needs("rpmlint", "/usr/bin/rpmlint")
    spec = PACKAGING / "rpm/superd.spec"
    command: list[str | Path] = ["/usr/bin/rpmlint", "-r", PACKAGING / "rpm/superd.rpmlintrc", spec]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    # Some of the filters are for the package that is built of it.
    said = [line for line in done.stdout.splitlines() if re.search(": [EW]: ", line) and "unused-rpmlintrc-filter" not in line]
    assert said == []


@pytest.mark.timeout(180)
def test_the_rpm_is_built_and_rpmlint_finds_nothing_to_say(tmp_path: Path) -> None:
    needs("rpm", "rpmbuild")
    needs("rpmlint", "/usr/bin/rpmlint")
    environ = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run([PACKAGING / "build-rpm", tmp_path], capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    [package] = tmp_path.glob("superd-*.noarch.rpm")
    files = subprocess.run(["rpm", "-qlp", package], capture_output=True, text=True).stdout.splitlines()
    wanted = {"/usr/bin/superd", "/usr/lib/systemd/system/superd.service", "/usr/share/man/man8/superd.8"}
    assert wanted <= {file.removesuffix(".gz") for file in files}  # Debian's rpm compresses no page
    command: list[str | Path] = ["/usr/bin/rpmlint", "-r", PACKAGING / "rpm/superd.rpmlintrc", package]
    linted = subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    said = [line for line in linted.stdout.splitlines() if re.search(": [EW]: ", line) and "unused-rpmlintrc-filter" not in line]
    assert said == []


@pytest.mark.parametrize("name", ["arch/PKGBUILD", "alpine/APKBUILD"])
def test_the_recipes_name_every_dependency_and_file_that_exists(name: str) -> None:
    text = (PACKAGING / name).read_text()
    assert f"pkgver={__version__}" in text
    assert subprocess.run(["bash", "-n", PACKAGING / name], capture_output=True).returncode == 0
    project = (ROOT / "pyproject.toml").read_text()
    line = re.search(r"^dependencies = \[(.*)\]", project, re.MULTILINE)
    assert line is not None
    for wanted in re.findall(r'"([a-z-]+)>=', line[1]):
        assert wanted in text, wanted
    for path in re.findall(r"packaging/[a-z.]+(?=[ \"])", text):
        assert (ROOT / path).exists(), path


def test_every_recipe_is_of_this_version() -> None:
    for name in ("rpm/superd.spec", "debian/changelog"):
        assert __version__ in (PACKAGING / name).read_text(), name


def test_the_container_and_pod_examples_hold_services_that_are_right(tmp_path: Path) -> None:
    documents = list(yaml.safe_load_all((PACKAGING / "oci/kubernetes.yaml").read_text()))
    compose = yaml.safe_load((PACKAGING / "oci/compose.yaml").read_text())
    assert compose["services"]["superd"]["cap_drop"] == ["ALL"]
    texts = {
        "hello.toml": documents[0]["data"]["hello.toml"],
        "other.toml": (PACKAGING / "oci/services.d/hello.toml").read_text(),
    }
    for name, text in texts.items():
        for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
            folder.chmod(0o755)
        (tmp_path / name).write_text(text)
        done = subprocess.run(
            [sys.executable, "-m", "superd", "check", tmp_path / name], capture_output=True, text=True, cwd=ROOT
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_schemas_of_compose_and_kubernetes_take_the_examples() -> None:
    check = needs("check-jsonschema", str(Path(sys.executable).parent / "check-jsonschema"))
    command: list[str | Path] = [check, "--builtin-schema", "vendor.compose-spec", PACKAGING / "oci/compose.yaml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    validate = needs("kubernetes-validate", str(Path(sys.executable).parent / "kubernetes-validate"))
    command = [validate, "--strict", "--quiet", PACKAGING / "oci/kubernetes.yaml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


PUPPET = """superd::service {{ 'hello':
  server    => '/bin/echo',
  port      => 7070,
  user      => 'nobody',
  only_from => ['127.0.0.1'],
  keys      => {{ 'limits' => {{ 'session' => '1m' }} {more} }},
  folder    => '{folder}',
  program   => '{program}',
  reload    => '/bin/touch {folder}/../reloaded',
}}
"""


def puppet(folder: Path, more: str = "") -> int:
    """The exit status of `puppet apply --detailed-exitcodes`: 0 for no change, 2 for changes, 4 and 6 for a failure."""
    program = needs("puppet", "puppet")
    modules = Path(needs("puppet-module-puppetlabs-stdlib", "/usr/share/puppet/modules.available/puppetlabs-stdlib")).parent
    manifest = folder.parent / "site.pp"
    manifest.write_text(PUPPET.format(folder=folder, more=more, program=Path(sys.executable).parent / "superd"))
    path = f"{PACKAGING / 'puppet'}:{modules}:/usr/share/puppet/modules"
    command: list[str | Path] = [
        program,
        "apply",
        "--detailed-exitcodes",
        "--modulepath",
        path,
        "--confdir",
        folder.parent / "conf",
    ]
    return subprocess.run([*command, "--vardir", folder.parent / "var", manifest], capture_output=True).returncode


@pytest.mark.timeout(180)
def test_puppet_changes_once_and_writes_nothing_that_superd_refuses(services_dir: Path) -> None:
    needs_root()
    assert puppet(services_dir, ", 'waite' => true") in (4, 6)
    assert not list(services_dir.iterdir())
    assert puppet(services_dir) == 2
    assert (services_dir.parent / "reloaded").exists()
    text = (services_dir / "hello.toml").read_text()
    assert puppet(services_dir) == 0
    assert puppet(services_dir, ", 'waite' => true") in (4, 6)
    assert (services_dir / "hello.toml").read_text() == text


def test_puppet_lint_finds_nothing_to_say() -> None:
    program = needs("puppet-lint", "puppet-lint")
    done = subprocess.run([program, "--fail-on-warnings", PACKAGING / "puppet"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


SHELL = [
    path for path in (*PACKAGING.iterdir(), *PACKAGING.glob("oci/*"), *PACKAGING.glob("debian/*"), *(ROOT / "scripts").iterdir())
]


@pytest.mark.parametrize(
    "path", [path for path in SHELL if path.is_file() and re.match(b"#!/bin/(ba)?sh", path.read_bytes())], ids=str
)
def test_shellcheck_finds_nothing_to_say(path: Path) -> None:
    program = needs("shellcheck", "shellcheck")
    done = subprocess.run([program, "-S", "warning", path], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
