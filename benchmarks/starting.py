"""The case of the start: how soon the first answer comes, and how much memory an idle server has."""

import time

from benchmarks.figures import Figure
from benchmarks.places import Place, memory_of, serving

TARGET_S = 2.0
TARGET_MIB = 150


def starting(place: Place, rounds: int, idle_s: float) -> list[Figure]:
    """Start a server a few times; the memory is read after *idle_s* seconds without a request."""
    started: list[float] = []
    memory: list[float] = []
    for _ in range(rounds):
        with serving(place) as server:
            started.append(server.started_in)
            time.sleep(idle_s)
            memory.append(memory_of(server.process.pid))
    return [
        Figure(name="start to first answer", engine=place.engine, unit="s", values=tuple(started), target=TARGET_S),
        Figure(name="idle memory", engine=place.engine, unit="MiB", values=tuple(memory), target=TARGET_MIB),
    ]
