"""An earlier front: it gets the word, its time is limited, and what it wrote counts only after a good end."""

from __future__ import annotations

import os
import signal

from superd.master.former_front import FormerFront


def begun(*, hears: bool = True) -> tuple[FormerFront, int, int]:
    """An earlier front, its process, and what it reads its word from."""
    told, go = os.pipe()
    memory, channel = os.memfd_create("kept"), os.open("/dev/null", os.O_RDWR)
    pid = os.fork()
    if not pid:
        os.close(go)
        if hears and os.read(told, 1) == b"g":
            os.write(memory, b"bans")
            os._exit(0)
        signal.pause()
    return FormerFront({"pid": pid, "go": go, "memory": memory, "channel": channel}), pid, told


def test_it_ends_at_the_word_and_what_it_wrote_is_returned() -> None:
    former, pid, told = begun()
    former.retire()
    assert former.due is not None
    _, status = os.waitpid(pid, 0)
    assert former.ended(status) == b"bans"
    assert former.pid == 0
    assert former.take_waiting() == -1
    former.close_copies()  # a second time: nothing is left
    os.close(told)


def test_one_that_does_not_end_is_killed_and_its_words_do_not_count() -> None:
    former, pid, told = begun(hears=False)
    former.retire()
    due = former.due
    assert due is not None
    former.on_timer(due - 1)
    former.on_timer(due)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert former.ended(status) == b""
    os.close(told)


def test_one_that_has_died_holds_nothing_up() -> None:
    former, pid, told = begun(hears=False)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(told)
    former.retire()
    assert former.ended(status) == b""


def test_who_waited_is_the_next_front_s_once() -> None:
    waiting = os.memfd_create("waiting")
    table = {name: os.dup(waiting) for name in ("go", "memory", "channel")}
    former = FormerFront({"pid": 1, **table, "waiting": waiting})
    former.ended(0)
    assert former.take_waiting() == waiting
    assert former.take_waiting() == -1
    former.close_copies()
    os.fstat(waiting)  # the taker's
    os.close(waiting)


def test_without_an_upgrade_there_is_none() -> None:
    former = FormerFront()
    assert (former.pid, former.due) == (0, None)
    former.on_timer(1e9)
    former.close_copies()
