"""What the benchmark needs before it can measure: its C programs built, its peers found, the machine described."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGES = {
    "xinetd": ("xinetd", "xinetd"),
    "openbsd-inetd": ("openbsd-inetd", "inetd"),
    "inetutils-inetd": ("inetutils-inetd", "inetutils-inetd"),
    "rlinetd": ("rlinetd", "rlinetd"),
    "tcpserver": ("ucspi-tcp", "tcpserver"),
    "tcprules": ("ucspi-tcp", "tcprules"),
    "tcpsvd": ("ipsvd", "tcpsvd"),
    "socat": ("socat", "socat"),
    "stunnel": ("stunnel4", "stunnel"),
    "haproxy": ("haproxy", "haproxy"),
    "systemd-socket-activate": ("systemd", "systemd-socket-activate"),
}
"""What superd is measured against: Debian's package and the program in it."""

_TINY = ["-O2", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-Wl,--build-id=none"]
_PROGRAMS: dict[str, tuple[str, list[str]]] = {
    "tiny": ("tiny.c", _TINY),
    "holder": ("tiny.c", [*_TINY, "-DHOLD"]),
    "floor": ("floor.c", ["-O2", "-static"]),
    "load": ("load.c", ["-O2"]),
    "pump": ("pump.c", ["-O2", "-pthread"]),
    "relay": ("relay.c", ["-O2"]),
}


def build(folder: Path) -> None:
    """Compiles the C programs into ``folder``, which every user may read: some run as `nobody`."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("bench: error: no C compiler\n  hint: install one (Debian: apt-get install gcc libc6-dev)")
    for name, (source, options) in _PROGRAMS.items():
        subprocess.run([compiler, *options, "-o", str(folder / name), str(HERE / source)], check=True)
        (folder / name).chmod(0o755)


def find_peers(folder: Path | None) -> dict[str, str]:
    """The programs that are there: unpacked packages in ``folder`` first, then what is installed."""
    found: dict[str, str] = {}
    for name, (package, program) in PACKAGES.items():
        inside = [] if folder is None else [folder / package, folder]
        places = [str(top / part) for top in inside for part in ("usr/sbin", "usr/bin", "sbin", "bin")]
        system = [] if name == "openbsd-inetd" and not _installed(package) else os.environ.get("PATH", "").split(":")
        path = shutil.which(program, path=":".join([*places, *system, *(["/usr/sbin", "/sbin"] if system else [])]))
        if path is not None:
            found[name] = path
    return found


def _installed(package: str) -> bool:
    # Every inetd calls its program `inetd`: which one it is, only the package says.
    done = subprocess.run(["dpkg", "-s", package], capture_output=True, check=False) if shutil.which("dpkg") else None
    return done is not None and done.returncode == 0


def machine() -> list[str]:
    """The lines that say where and with what it was measured."""
    cpu = next(
        (line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / (1 << 20)
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux") if Path("/etc/os-release").exists() else "Linux"
    commit = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True)
    import trio

    return [
        f"- {date.today().isoformat()}; superd {commit.stdout.strip() or '(no git)'}, Python {platform.python_version()}, "
        f"trio {trio.__version__}",
        f"- {os.cpu_count()} cores of {cpu}, {memory:.0f} GiB, Linux {platform.release()}, {system}",
    ]


def versions(peers: dict[str, str]) -> str:
    """The packages' versions, as dpkg knows them or the file names of unpacked packages tell."""
    told = []
    for package in dict.fromkeys(PACKAGES[name][0] for name in peers):
        path = next(Path(peers[name]) for name in peers if PACKAGES[name][0] == package)
        debs = [deb for top in path.parents for deb in top.glob(f"{package}_*.deb")]
        if debs:
            version = debs[0].name.split("_")[1].replace("%3a", ":")
        else:
            asked = ["dpkg-query", "-W", "-f", "${Version}", package]
            version = subprocess.run(asked, capture_output=True, text=True, check=False).stdout if shutil.which("dpkg") else ""
        told.append(f"{package} {version or '(unknown version)'}")
    return ", ".join(told)


def into_own_network() -> None:
    """Root measures in a network namespace of its own: ports are free there, and nothing else is counted."""
    if os.geteuid() != 0 or os.environ.get("SUPERD_BENCH_NETNS") or shutil.which("unshare") is None:
        return
    os.environ["SUPERD_BENCH_NETNS"] = "1"
    os.execvp(
        "unshare",
        ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, *sys.argv],
    )
