"""Places are few: who waits, who is next, and who is sent away."""

import asyncio

import pytest

from pilot.errors import ModelBusy
from pilot.model.gate import Gate


class Visitors:
    """Requests that stay until they are told to go."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.entered: list[str] = []
        self.go: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, user: str = "") -> None:
        self.go[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._stay(name, user))
        await asyncio.sleep(0)

    async def leave(self, name: str) -> None:
        self.go[name].set()
        await self.tasks[name]
        await asyncio.sleep(0)

    async def _stay(self, name: str, user: str) -> None:
        async with self.gate.place(user):
            self.entered.append(name)
            await self.go[name].wait()


async def test_one_users_many_requests_do_not_stand_before_anothers() -> None:
    here = Visitors(Gate(1, 20))
    for number in range(5):
        await here.come(f"ann{number}", "ann")
    await here.come("bob0", "bob")
    await here.come("bob1", "bob")
    await here.come("anonymous")
    for _ in range(8):
        await here.leave(here.entered[-1])
    assert here.entered == ["ann0", "ann1", "bob0", "anonymous", "ann2", "bob1", "ann3", "ann4"]


async def test_nobody_starves_while_others_keep_coming() -> None:
    here = Visitors(Gate(1, 20))
    for number in range(3):
        await here.come(f"ann{number}", "ann")
    for number in range(8):
        await here.come(f"other{number}")
        await here.leave(here.entered[-1])
    assert {"ann1", "ann2"} <= set(here.entered)
    for _ in range(3):
        await here.leave(here.entered[-1])


async def test_user_who_fills_half_of_the_queue_is_told_so_and_others_are_not() -> None:
    here = Visitors(Gate(1, 4))
    for number in range(3):
        await here.come(f"ann{number}", "ann")
    with pytest.raises(ModelBusy, match="of this user") as caught:
        await here.gate.place("ann").__aenter__()
    assert (caught.value.status, caught.value.retry_after) == (429, 3)
    await here.come("bob", "bob")
    await here.come("anonymous")
    with pytest.raises(ModelBusy, match="4 wait") as caught:
        await here.gate.place("eve").__aenter__()
    assert caught.value.status == 503


async def test_anonymous_requests_are_served_in_order() -> None:
    here = Visitors(Gate(2, 9))
    names = [str(number) for number in range(8)]
    for name in names:
        await here.come(name)
    for name in names:
        await here.leave(name)
    assert here.entered == names
    assert (here.gate.active, here.gate.waiting) == (0, 0)


@pytest.mark.parametrize("already_called", [False, True])
async def test_who_leaves_while_waiting_keeps_no_place(already_called: bool) -> None:
    here = Visitors(Gate(1, 9))
    for name in ("first", "second", "third"):
        await here.come(name)
    if already_called:
        here.go["first"].set()
        await here.tasks["first"]  # the second is called, but has not moved yet
    here.tasks["second"].cancel()
    await asyncio.wait([here.tasks["second"]])
    if not already_called:
        await here.leave("first")
    await asyncio.sleep(0)
    assert here.entered[-1] == "third"
    await here.leave("third")
    assert (here.gate.active, here.gate.waiting) == (0, 0)


async def test_patience_ends() -> None:
    here = Visitors(Gate(1, 9, patience=0.01))
    await here.come("first")
    with pytest.raises(ModelBusy, match="1 requests run"):
        await here.gate.place().__aenter__()
    assert here.gate.waiting == 0
    await here.leave("first")
