"""Sessions against processes that die, stop and are replaced, in random schedules next to a model.

Several services and users, a reload now and then, and connections all the time. After each step the verdict on a new
connection, what lives, and the records are those of the model; after each schedule every count is back at nothing.

A few schedules run with the suite; ``SUPERD_SCHEDULES=10000 SUPERD_SEED=1`` runs as many, from that seed on.
"""

from __future__ import annotations

import errno
import os
import random
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs_root

SCHEDULES = int(os.environ.get("SUPERD_SCHEDULES", "4"))
SEED = int(os.environ.get("SUPERD_SEED", "0"))
STEPS = 14
LOAD = 3
"""Connections to another service at each step: more would take the machine from those that count."""
USERS = {"a": "nobody", "b": "daemon", "c": "nobody", "load": "daemon"}


class Model:
    """What should be: for each service its limit, and the clients whose programs run."""

    def __init__(self, superd: Superd, chance: random.Random) -> None:
        self.superd = superd
        self.chance = chance
        self.limits = {"a": 3, "b": 2, "c": 4}
        self.ports = {name: free_port() for name in USERS}
        self.open: dict[str, list[tuple[socket.socket, int]]] = {name: [] for name in self.limits}
        """By service: the client, and its program's process."""
        self.done: list[str] = []
        self.turns = threading.Semaphore(0)
        """Connections that the load may make."""

    def write(self, name: str) -> None:
        """The file of a service."""
        own = f"instances = {self.limits[name]}\n" if name in self.limits else "log_on_success = []\n"
        self.superd.service(
            name,
            f'server = "/bin/cat"\nuser = "{USERS[name]}"\nlisten = ["127.0.0.1:{self.ports[name]}"]\n{own}cps = [0, 0]\n',
        )

    # ------------------------------------------------------------------ steps

    def connect(self) -> None:
        """A client comes: served below the limit, refused at it."""
        self.client(self.chance.choice("abc"))

    def client(self, name: str) -> None:
        sock = socket.create_connection(("127.0.0.1", self.ports[name]), WAIT)
        port = sock.getsockname()[1]
        if len(self.open[name]) < self.limits[name]:
            assert self.echoes(sock), f"{name} refused a client below its limit"
            started = self.superd.event(event="start", service=name, port=port)
            self.open[name].append((sock, started["pid"]))
        else:
            assert not self.echoes(sock), f"{name} served a client above its limit"
            assert self.superd.event(event="fail", service=name, port=port)["reason"] == "instances"
            sock.close()

    def leave(self) -> None:
        """A client goes: one record, of its service and process."""
        found = [(name, index) for name, clients in self.open.items() for index in range(len(clients))]
        if found:
            name, index = self.chance.choice(found)
            self.gone(name, index)

    def gone(self, name: str, index: int) -> None:
        sock, pid = self.open[name].pop(index)
        sock.close()
        ended = self.superd.event(event="exit", service=name, pid=pid)
        assert ended.get("status") == 0, ended

    def use(self) -> None:
        """Every program still serves its client."""
        for name, clients in self.open.items():
            for sock, _ in clients:
                assert self.echoes(sock), f"a program of {name} was lost"

    def kill_launcher(self) -> None:
        """One launcher, or all of them."""
        launchers = sorted(self.superd.launchers())
        for pid in launchers if self.chance.random() < 0.3 else self.chance.sample(launchers, min(1, len(launchers))):
            self.kill(pid)

    def kill_front(self) -> None:
        """The front."""
        self.kill(self.superd.front())

    def kill_both(self) -> None:
        """Front and launchers at once, in either order."""
        pids = [self.superd.front(), *self.superd.launchers()]
        self.chance.shuffle(pids)
        for pid in pids:
            self.kill(pid)

    @staticmethod
    def kill(pid: int) -> None:
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return  # it was being replaced just then
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        # It takes nothing more from now on: what comes next is its successor's.
        assert select.select([pidfd], [], [], WAIT)[0]
        os.close(pidfd)

    def stop_and_go_on(self) -> None:
        """Any process of superd's stands still for a moment."""
        pid = self.chance.choice([self.superd.front(), *self.superd.launchers()])
        for number in (signal.SIGSTOP, signal.SIGCONT):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return

    def reload(self) -> None:
        """A service gets another limit; what runs, runs on, even above it."""
        name = self.chance.choice("abc")
        self.limits[name] = self.chance.randint(1, 5)
        self.write(name)
        assert "refused" not in self.superd.reload()

    # ------------------------------------------------------------------ schedules

    @staticmethod
    def echoes(sock: socket.socket) -> bool:
        try:
            sock.sendall(b"still here")
            return sock.recv(100) == b"still here"
        except ConnectionError:
            return False

    def schedule(self) -> None:
        """Random steps, then all clients go, and every place is free again."""
        self.done.clear()
        steps: list[Callable[[], None]] = [self.connect] * 6 + [self.leave] * 3 + [self.use, self.reload, self.stop_and_go_on]
        steps += [self.kill_launcher, self.kill_front, self.kill_both]
        for _ in range(STEPS):
            step = self.chance.choice(steps)
            self.done.append(step.__name__)
            self.turns.release(LOAD)
            step()
        self.done.append("the end")
        self.use()
        for name, clients in self.open.items():
            while clients:
                self.gone(name, 0)
            for _ in range(self.limits[name] + 1):
                self.client(name)
            while clients:
                self.gone(name, 0)
        more = [event for event in self.superd.events if event.get("service") in self.limits and "port" in event]
        assert not more, f"records that are not the model's: {more}"
        self.superd.events.clear()  # or each look for an event would go through those of ten thousand schedules


@contextmanager
def load(port: int, turns: threading.Semaphore) -> Iterator[list[str]]:
    """Short connections to another service, as many as there are turns; what went wrong with them."""
    over, wrong = threading.Event(), list[str]()

    def run() -> None:
        while turns.acquire() and not over.is_set():
            try:
                answer = talk(port, b"load")
            except ConnectionError:
                continue  # a front that was killed just then had accepted it
            except OSError as problem:
                if problem.errno == errno.ENOTCONN:
                    continue  # the same, seen by shutdown(2)
                answer = str(problem).encode()
            if answer not in (b"load", b""):  # an end of file: as above
                wrong.append(answer.decode())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield wrong
    finally:
        over.set()
        turns.release()
        thread.join()


def test_counts_limits_records_and_verdicts_are_the_model_s_whatever_dies(superd: Superd) -> None:
    needs_root()
    # What dies is started again at once: the pauses have tests of their own, and would be all of this one's time.
    # Nor is a launcher given up that died three times in a row.
    script = (
        "from superd.master import back_off, launcher_pool; back_off.FIRST = back_off.LAST = 0.01; "
        "launcher_pool.MAX_FAILURES = 1 << 30; from superd.cli import main; import sys; del sys.argv[1:4]; main()"
    )
    superd.prefix = [sys.executable, "-c", script]
    model = Model(superd, random.Random(SEED))
    for name in USERS:
        model.write(name)
    superd.start()
    with load(model.ports["load"], model.turns) as wrong:
        for number in range(SEED, SEED + SCHEDULES):
            model.chance.seed(number)
            try:
                model.schedule()
            except BaseException as fault:
                events = [event for event in superd.rest() if event.get("service") != "load"]
                fault.add_note(f"seed {number}: {' '.join(model.done)}; not asked for: {events}")
                raise
    assert wrong == []
