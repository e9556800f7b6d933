"""How many deliveries are under way at once, and who waits for whom."""

from pathlib import Path

from mitregate.worker import HOST_LIMIT, LANE_LIMIT, Places
from tests.worker.connecting import Talk, stage


async def test_a_host_is_called_twenty_times_at_once(tmp_path: Path) -> None:
    """Over all apps on one host no more than twenty deliveries are under way, nor more than ten to one app."""
    talk = Talk()
    async with stage(tmp_path, talk, concurrency=100) as set_up:
        for name in ("one", "two", "three", "four"):
            await set_up.install(name, f"https://ci.example.com/{name}")
        await set_up.install("alone", "https://alone.example.com")
        for name in ("one", "two", "three", "four", "alone"):
            await set_up.submit(name, 25)
        await talk.until(lambda: talk.ended == {"ci.example.com": 100, "alone.example.com": 25})
    assert talk.most == {"ci.example.com": HOST_LIMIT, "alone.example.com": LANE_LIMIT}
    assert (HOST_LIMIT, LANE_LIMIT) == (20, 10)


async def test_a_host_that_hangs_takes_no_places_of_others(tmp_path: Path) -> None:
    """However many apps are on a host that hangs, what is for other hosts finds a place and is told at once."""
    talk = Talk("hung.example.com")
    async with stage(tmp_path, talk, concurrency=HOST_LIMIT + 1) as set_up:
        for number in range(12):
            await set_up.install(f"hung {number}", f"https://hung.example.com/{number}")
            await set_up.submit(f"hung {number}", 10)
        await set_up.install("good", "https://good.example.com")
        await talk.until(lambda: talk.now["hung.example.com"] == HOST_LIMIT)
        await set_up.submit("good", 3)
        await talk.until(lambda: talk.ended["good.example.com"] == 3, within=2)
        assert talk.most["hung.example.com"] == HOST_LIMIT


def test_places_are_those_that_can_be_kept() -> None:
    """What waits for its turn takes no place; a full host makes busy whatever leads there, and nothing else."""
    places = Places()
    assert (places.taken, places.busy) == (0, [])
    for _ in range(3 * LANE_LIMIT):
        places.come("a", "one")
    assert (places.taken, places.busy) == (LANE_LIMIT, ["a"])
    for lane in ("b", "b", "c", "d"):
        places.come(lane, "one")
    places.come("e", "two")
    assert (places.taken, places.busy) == (LANE_LIMIT + 5, ["a"])
    for _ in range(LANE_LIMIT):
        places.come("b", "one")
    assert (places.taken, set(places.busy)) == (HOST_LIMIT + 1, {"a", "b", "c", "d"})
    for _ in range(3 * LANE_LIMIT):
        places.leave("a", "one")
    assert (places.taken, places.busy) == (LANE_LIMIT + 3, ["b"])
