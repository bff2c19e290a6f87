"""scripts/bench: superd and its peers, row by row, on this machine, as markdown on standard output.

    scripts/bench                       every row (about half an hour)
    scripts/bench start refuse          these rows
    scripts/bench --peers DIR           peers from packages unpacked in DIR (dpkg -x PACKAGE.deb DIR/PACKAGE)
    scripts/bench --beside DIR start    superd of another checkout as a column: before and after in one run
    scripts/bench --quick               tiny counts: shows that it runs, measures nothing

Only ratios of one run mean anything: server and clients share the machine. Run it as root: only then superd is separated,
programs run as `nobody`, and a network namespace of its own keeps the rest of the machine out.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import rows_edge
import rows_inside
import rows_policy
import rows_scale
import rows_size
import rows_start
import rows_watched
import tools
from report import Table, summary
from stand import Bench

ROWS: dict[str, Callable[[Bench], list[Table]]] = {
    "start": rows_start.start,
    "many": rows_start.start_many,
    "guards": rows_start.guards,
    "idle": rows_start.first_byte,
    "watched": rows_watched.watched,
    "refuse": rows_policy.refuse,
    "decision": rows_policy.decision,
    "internal": rows_inside.internal,
    "redirect": rows_inside.redirect,
    "busy": rows_inside.busy,
    "edge": rows_edge.edge,
    "reload": rows_size.reload,
    "memory": rows_size.memory,
    "crowd": rows_size.crowd,
    "scale": rows_scale.scale,
}
FILES = 100_000
"""Open files each process may have: ten thousand relayed connections are twenty thousand sockets."""


def _allow_files() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(FILES, hard), max(FILES, hard)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # no right to more, as in most containers


def main() -> int:
    """Measures what is asked for and prints it; 1 when a row of superd's had an error."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one of {' '.join(ROWS)}; default: all")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="where packages of peers are unpacked, a folder each")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="rounds of each measurement (default 7)")
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT", help="superd of this checkout, with its .venv, as a column")
    parser.add_argument("--quick", action="store_true", help="one round of tiny counts")
    options = parser.parse_args()
    if unknown := set(options.rows) - ROWS.keys():
        parser.error(f"no row `{sorted(unknown)[0]}`; there are {' '.join(ROWS)}")
    tools.into_own_network()
    # However it is ended, also where a shell in the background has SIGINT ignored: the servers end with it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(1))
    root = os.geteuid() == 0
    _allow_files()
    peers = tools.find_peers(options.peers)
    folder = Path(tempfile.mkdtemp(prefix="superd-bench-"))
    folder.chmod(0o755)
    try:
        tools.build(folder)
        bench = Bench(folder, peers, 1 if options.quick else options.rounds, options.quick, root, beside=options.beside)
        print("\n".join([*tools.machine(), f"- `scripts/bench {' '.join(sys.argv[1:])}`".rstrip(), ""]))
        print(f"Peers: {tools.versions(peers) or 'none'}.\n")
        if absent := sorted({tools.PACKAGES[name][0] for name in tools.PACKAGES.keys() - peers.keys()}):
            print(f"Not there, so without a column: {', '.join(absent)}.\n")
        if not root:
            print("Not run as root: superd is not separated, programs run as the same user, peers that need root are left out.\n")
        tables: list[Table] = []
        for name in options.rows or ROWS:
            for table in ROWS[name](bench):
                print(table.markdown(), flush=True)
                tables.append(table)
        print("## Aims\n")
        print(summary(tables))
        print(
            f"Medians of {bench.rounds} interleaved rounds; a ratio is the median of the rounds' ratios. {bench.repeated} "
            f"measurements were made again because something else used the machine; the most that was left of it is "
            f"{bench.worst:.0%} of all cores."
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
