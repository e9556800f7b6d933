import asyncio

from typing_extensions import override

from mitregate.web.gathering import Gathering


class Wire(asyncio.Transport):
    """A transport that remembers what was done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[bytes | str] = []

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.done.append(bytes(data))

    @override
    def close(self) -> None:
        self.done.append("closed")

    @override
    def is_closing(self) -> bool:
        return "closed" in self.done


async def test_what_is_written_in_one_turn_leaves_in_one_piece() -> None:
    """Pieces written in one turn of the loop leave together, in order; those of a later turn leave later."""
    wire = Wire()
    gathering = Gathering(wire)
    gathering.write(b"head ")
    gathering.write(b"body")
    assert wire.done == []
    await asyncio.sleep(0)
    assert wire.done == [b"head body"]
    gathering.write(b"more")
    await asyncio.sleep(0)
    assert wire.done == [b"head body", b"more"]


async def test_closing_loses_nothing() -> None:
    """What was written before the close leaves before it, and nothing leaves afterwards."""
    wire = Wire()
    gathering = Gathering(wire)
    gathering.write(b"last words")
    gathering.close()
    gathering.write(b"too late")
    await asyncio.sleep(0)
    assert wire.done == [b"last words", "closed"]


async def test_all_else_is_the_transports_own() -> None:
    """Everything but writing and closing is asked of the transport itself."""
    gathering = Gathering(Wire())
    assert gathering.is_closing() is False
    assert gathering.get_extra_info("peername", "nobody") == "nobody"
