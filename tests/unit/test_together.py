"""What is asked for one by one is done together."""

import asyncio
from collections.abc import Sequence

import pytest

from casework.together import Together


class Rounds:
    """Answers each number with its double, refuses zero; every round waits until it may end."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.together = Together(self.work)

    async def work(self, items: Sequence[int]) -> Sequence[int | Exception]:
        self.seen.append(list(items))
        await self.may_end.wait()
        if 13 in items:
            raise RuntimeError("all of them")
        return [2 * item if item else ValueError("not this one") for item in items]


async def test_what_is_asked_for_in_one_turn_is_one_round() -> None:
    rounds = Rounds()
    assert await asyncio.gather(*map(rounds.together.ask, (1, 2, 3))) == [2, 4, 6]
    assert await rounds.together.ask(4) == 8
    assert rounds.seen == [[1, 2, 3], [4]]


async def test_what_is_asked_for_during_a_round_is_the_next_one_in_its_order() -> None:
    rounds = Rounds()
    rounds.may_end.clear()
    first = rounds.together.ask(1)
    await asyncio.sleep(0)
    others = [rounds.together.ask(number) for number in (5, 4, 3)]
    await asyncio.sleep(0)
    assert rounds.seen == [[1]]
    rounds.may_end.set()
    assert await asyncio.gather(first, *others) == [2, 10, 8, 6]
    assert rounds.seen == [[1], [5, 4, 3]]


async def test_each_is_refused_alone_and_all_hear_of_a_round_that_broke() -> None:
    rounds = Rounds()
    answers = await asyncio.gather(*map(rounds.together.ask, (1, 0, 2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, ValueError, int]
    broken = await asyncio.gather(*map(rounds.together.ask, (13, 1)), return_exceptions=True)
    assert [str(answer) for answer in broken] == ["all of them"] * 2
    assert await rounds.together.ask(1) == 2


async def test_who_does_not_wait_for_their_answer_disturbs_nobody() -> None:
    rounds = Rounds()
    rounds.together.ask(0)
    gone, stays = rounds.together.ask(1), rounds.together.ask(2)
    gone.cancel()
    assert await stays == 4
    await rounds.together.close()
    await rounds.together.close()
    assert rounds.seen == [[0, 1, 2]]


async def test_a_round_that_is_cut_off_leaves_nobody_waiting() -> None:
    rounds = Rounds()
    rounds.may_end.clear()
    first = rounds.together.ask(1)
    await asyncio.sleep(0)
    second = rounds.together.ask(2)
    (round_,) = asyncio.all_tasks() - {asyncio.current_task()}
    round_.cancel()
    for future in (first, second):
        with pytest.raises(asyncio.CancelledError):
            await future
    rounds.may_end.set()
    assert await rounds.together.ask(3) == 6
