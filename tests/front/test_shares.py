"""Places and their shares: one service or one source alone never keeps the others out."""

from __future__ import annotations

import random

import trio
from hypothesis import given
from hypothesis import strategies as st

from superd.front.shares import SHARE, Key, Queue, Shares

LIMIT = 4 * SHARE
KEYS = st.tuples(st.sampled_from(["a", "b"]), st.none() | st.tuples(st.just(4), st.integers(0, 2)))


def fill(shares: Shares, key: Key) -> int:
    taken = 0
    while shares.enter(key):
        taken += 1
    return taken


def test_one_source_at_many_services_gets_half_and_every_other_its_share() -> None:
    shares = Shares(LIMIT)
    taken = sum(fill(shares, (f"service {number}", (4, 7))) for number in range(LIMIT))
    assert taken == LIMIT // 2
    assert fill(shares, ("other", (4, 8))) == LIMIT // SHARE


def test_many_sources_at_one_service_get_half_and_every_other_service_its_share() -> None:
    shares = Shares(LIMIT)
    assert sum(fill(shares, ("a", (4, number))) for number in range(LIMIT)) == LIMIT // 2
    assert fill(shares, ("b", (4, 8))) == LIMIT // SHARE


def test_few_places_are_for_the_first_that_come() -> None:
    assert fill(Shares(3), ("a", (4, 7))) == 3


def test_a_source_with_places_is_shed_at_random_and_one_without_is_not() -> None:
    rolls = random.Random(7)
    shares = Shares(1000, rolls.random)
    for number in range(500):
        assert shares.enter((f"s{number % 50}", (4, number)))  # the first half is for all
    asked = refused = 0
    while shares.taken < 900:
        asked += 1
        refused += not shares.enter((f"s{asked % 50}", (4, asked % 500)))
    assert refused > 100
    assert all(shares.enter((f"new {number}", (4, 1000 + number))) for number in range(100))
    assert not shares.enter(("new", (4, 5000)))


def test_what_is_exempt_has_places_over_the_limit_but_not_without_end() -> None:
    shares = Shares(LIMIT)
    while shares.taken < LIMIT:
        assert shares.enter((str(shares.taken), (4, shares.taken)))
    taken = 0
    while shares.enter(("a", None), exempt=True):
        taken += 1
    assert taken == LIMIT // SHARE
    assert not shares.enter(("b", (4, 99999)))


@given(st.lists(KEYS), st.integers(1, 80))
def test_no_more_than_all_are_taken_and_what_is_given_back_can_be_had_again(keys: list[Key], limit: int) -> None:
    shares, held = Shares(limit), list[Key]()
    for key in keys:
        if shares.enter(key):
            held.append(key)
    assert shares.taken == len(held) <= limit
    random.Random(1).shuffle(held)
    for key in held:
        shares.leave(key)
    assert (shares.taken, shares._by_service, shares._by_source) == (0, {}, {})


async def test_a_key_without_a_share_is_passed_over_by_the_next(autojump_clock: trio.testing.MockClock) -> None:
    queue, order = Queue(2 * SHARE), list[str]()
    release = trio.Event()

    async def hold(name: str) -> None:
        async with queue.place((name, None)):
            order.append(name)
            await release.wait()

    async with trio.open_nursery() as nursery:
        for _ in range(SHARE + 3):
            nursery.start_soon(hold, "busy")
        await trio.testing.wait_all_tasks_blocked()
        assert order == ["busy"] * SHARE
        nursery.start_soon(hold, "other")
        await trio.testing.wait_all_tasks_blocked()
        assert order[-1] == "other"
        release.set()
    assert len(order) == SHARE + 4


async def test_one_that_gives_up_while_it_waits_takes_nothing_with_it() -> None:
    queue = Queue(1)
    async with trio.open_nursery() as nursery, queue.place(("a", None)):
        nursery.start_soon(_wait, queue)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    async with queue.place(("b", None)):
        assert queue._shares.taken == 1
    assert (queue._shares.taken, list(queue._waiting)) == (0, [])


async def _wait(queue: Queue) -> None:
    async with queue.place(("a", None)):
        raise AssertionError("there is one place, and it is taken")
