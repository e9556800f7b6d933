"""Where the time goes: the server runs in this very process, under cProfile, with the load from another one.

The event loop and the store's first thread are profiled in runs of their own. cProfile makes every call dearer,
small ones most: look at the order, not at the sum. From Python 3.12 on it sees all threads at once.
"""

import cProfile
import os
import pstats
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from benchmarks.bodies import Source, reads, submits
from benchmarks.load import Plan, Told, drive
from benchmarks.places import Place, await_port, free_port, prepared, running
from benchmarks.rates import CALLERS
from mitregate.wiring import run, serve

SECONDS = 4.0
SPAN = 2000
TOP = 30

THREADS = {"submit of 1": ("sqlite", "postgres-write"), "gating-status read": ("postgres-read",)}
"""The cases, and what the store's threads are called that do their part of it; SQLite is read in the event loop."""


def profile(engine: str) -> None:
    """Profile a submit and a read on one database, and print the greatest contributors."""
    for case, threads in THREADS.items():
        for thread in ("", *(name for name in threads if name.startswith(engine[:6]))):
            with running(engine) as server, prepared(engine, server) as place:
                profiler, told = _profiled(place, case, thread)
            where = f"the thread mitregate-{thread}-0" if thread else "the event loop"
            _show(f"{engine}: {case}: {where}, {told.rate:,.0f}/s under the profiler", profiler, told.next)


def _profiled(place: Place, case: str, thread: str) -> tuple[cProfile.Profile, Told]:
    profiler = cProfile.Profile()
    port = free_port()
    found: list[Told] = []

    def attend(*_: object) -> None:
        # The first event in a new thread: from here on it is profiled, if it is the one.
        if threading.current_thread().name == f"mitregate-{thread}-0":
            profiler.enable()

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        loader = threading.Thread(target=_load, args=(pool, place, case, port, found))
        loader.start()
        if thread:
            threading.setprofile(attend)
        else:
            profiler.enable()
        run(serve(replace(place.settings, port=port)))
        profiler.disable()
        threading.setprofile(None)
        loader.join()
    return profiler, found[0]


def _load(pool: ProcessPoolExecutor, place: Place, case: str, port: int, found: list[Told]) -> None:
    try:
        await_port(port)
        submitting = submits(place.polling, 1)
        source = submitting
        if case != "submit of 1":
            pool.submit(drive, _plan(port, submitting, limit=SPAN)).result()
            source = reads(place.polling, SPAN)
        found.append(pool.submit(drive, _plan(port, source)).result())
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def _plan(port: int, source: Source, limit: int = 0) -> Plan:
    return Plan(port=port, source=source, callers=CALLERS, seconds=60.0 if limit else SECONDS, limit=limit)


def _show(title: str, profiler: cProfile.Profile, requests: int) -> None:
    table = Table("function", "calls", "own µs", "with callees µs", title=f"{title}; per request")
    profiler.create_stats()
    # get_stats_profile() would merge functions of one name.
    entries: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = vars(pstats.Stats(profiler))["stats"]
    for (file, line, name), (_, calls, own, whole, _) in sorted(entries.items(), key=lambda item: -item[1][2])[:TOP]:
        each = (f"{calls / requests:.2f}", f"{own / requests * 1e6:.1f}", f"{whole / requests * 1e6:.1f}")
        table.add_row(f"{_place(file)}:{line} {name}", *each)
    Console(width=150).print(table)


def _place(file_name: str) -> str:
    with suppress(ValueError):
        return str(Path(file_name).relative_to(Path.cwd()))
    return "/".join(Path(file_name).parts[-2:])
