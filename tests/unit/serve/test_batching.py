"""Batching: nothing waits while there is room for a call, and every sender gets its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from events.errors import Overloaded, Rejected
from serve.batching import Batching
from serve.coming import LARGE, Coming


class Slow:
    """Answers an item with its double, once it is let go."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.go = asyncio.Event()

    async def __call__(self, items: list[int]) -> Sequence[int | Exception]:
        self.calls.append(items)
        await self.go.wait()
        return [Rejected("n", "is negative") if n < 0 else 2 * n for n in items]


def test_what_arrives_during_calls_goes_together_in_its_order_and_within_the_weight() -> None:
    async def story() -> None:
        slow = Slow()
        gathering = Batching(slow, lambda n: n, most=10)
        pushed = [asyncio.create_task(gathering.push(n)) for n in (1, 3, 4, 9, 5)]
        await asyncio.sleep(0)
        assert slow.calls == [], "a call begins in a task of its own"
        await asyncio.sleep(0)
        assert slow.calls == [[1]]
        slow.go.set()
        assert await asyncio.gather(*pushed) == [2, 6, 8, 18, 10]
        assert slow.calls == [[1], [3, 4, 9], [5]]

    asyncio.run(story())


def test_an_answer_that_is_an_error_is_raised_for_its_sender_alone() -> None:
    async def story() -> None:
        slow = Slow()
        gathering = Batching(slow, lambda _: 1, most=10)
        pushed = [asyncio.create_task(gathering.push(n)) for n in (1, 2, 3, -4, 5)]
        slow.go.set()
        answers = await asyncio.gather(*pushed, return_exceptions=True)
        assert answers[:3] + answers[4:] == [2, 4, 6, 10]
        assert isinstance(answers[3], Rejected)

    asyncio.run(story())


@pytest.mark.parametrize("error", [Overloaded("full", 2.0), KeyError("a bug")])
def test_a_call_that_fails_tells_every_sender_and_the_next_one_is_made(error: Exception) -> None:
    async def story() -> None:
        broken = True

        async def call(items: list[int]) -> list[int]:
            await asyncio.sleep(0)
            if broken:
                raise error
            return items

        gathering = Batching(call, lambda _: 1, most=10)
        answers = await asyncio.gather(*(gathering.push(n) for n in range(5)), return_exceptions=True)
        kind = Overloaded if isinstance(error, Overloaded) else RuntimeError
        assert all(isinstance(answer, kind) for answer in answers), answers
        broken = False
        assert await gathering.push(7) == 7

    asyncio.run(story())


def test_a_call_that_answers_too_few_leaves_nobody_waiting() -> None:
    async def story() -> None:
        async def call(items: list[int]) -> list[int]:
            return items[1:]

        gathering = Batching(call, lambda _: 1, most=10)
        pushed = asyncio.gather(*(gathering.push(n) for n in range(3)), return_exceptions=True)
        answers = await asyncio.wait_for(pushed, 5)
        assert all(isinstance(answer, RuntimeError) for answer in answers)

    asyncio.run(story())


def test_a_sender_that_goes_away_spoils_nothing() -> None:
    async def story() -> None:
        slow = Slow()
        gathering = Batching(slow, lambda _: 1, most=10)
        pushed = [asyncio.create_task(gathering.push(n)) for n in (1, 2, 3, 4)]
        await asyncio.sleep(0)
        pushed[2].cancel()
        slow.go.set()
        answers = await asyncio.gather(*pushed, return_exceptions=True)
        assert [a for a in answers if isinstance(a, int)] == [2, 4, 8]

    asyncio.run(story())


def test_large_requests_that_come_in_together_go_in_one_call() -> None:
    async def story() -> None:
        slow, coming = Slow(), Coming()
        slow.go.set()
        gathering = Batching(slow, lambda _: 1, most=10, coming=coming)

        async def request(n: int) -> int:
            with coming.one(LARGE):
                await asyncio.sleep(0.0001 * n)
            return await gathering.push(n)

        assert await asyncio.gather(*map(request, (1, 2, 3, 4))) == [2, 4, 6, 8]
        assert slow.calls == [[1, 2, 3, 4]]

    asyncio.run(story())


def test_what_comes_slowly_is_waited_for_once_and_what_is_small_never() -> None:
    async def story() -> None:
        slow, moment_s, pushes = Slow(), 0.3, 40
        coming = Coming(moment_s)
        slow.go.set()
        gathering = Batching(slow, lambda _: 1, most=10, coming=coming)
        loop = asyncio.get_running_loop()

        async def took(times: int) -> float:
            begun = loop.time()
            for n in range(times):
                await gathering.push(n)
            return loop.time() - begun

        with coming.one(LARGE - 1):
            assert await took(pushes) < pushes * moment_s
        with coming.one(LARGE):
            assert await took(1) >= moment_s
            assert await took(pushes) < pushes * moment_s

    asyncio.run(story())


def test_a_full_call_leaves_at_once() -> None:
    async def story() -> None:
        slow, coming = Slow(), Coming(moment_s=60)
        gathering = Batching(slow, lambda _: 5, most=10, coming=coming)
        with coming.one(LARGE):
            pushed = [asyncio.create_task(gathering.push(n)) for n in (1, 2, 3)]
            for _ in range(3):
                await asyncio.sleep(0)
            assert slow.calls == [[1, 2]]
        slow.go.set()
        await asyncio.gather(*pushed)

    asyncio.run(story())
