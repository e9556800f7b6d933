"""Measure: `python -m benchmarks [--smoke] [--only NAME] [--database sqlite|postgresql] [--repeat N] [--json FILE]`."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from benchmarks import decisions, histories, openings, rates, starting, verdicts, waiters
from benchmarks.figures import Figure, as_data, show
from benchmarks.places import Place, prepared, running, serving
from benchmarks.rates import Bench, Pace

ENGINES = ("sqlite", "postgresql")


class Extent(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    pace: Pace
    decisions_s: float
    waiters: int
    idle_s: float
    slices: int
    opening: int
    past: int
    is_brief: bool = False


SMOKE = Extent(
    pace=Pace(seconds=0.4, rounds=1, span=100),
    decisions_s=0.5,
    waiters=50,
    idle_s=0.2,
    slices=3,
    opening=100,
    past=1000,
    is_brief=True,
)


def full(repeat: int) -> Extent:
    """Give the extent of a real measurement, of *repeat* rounds."""
    return Extent(
        pace=Pace(seconds=3.0, rounds=repeat, span=5000),
        decisions_s=10.0,
        waiters=waiters.WAITERS,
        idle_s=3.0,
        slices=20,
        opening=10_000,
        past=1_000_000,
    )


CASES: dict[str, Callable[[Bench, Extent], list[Figure]]] = {
    "submit1": lambda bench, extent: [rates.submit(bench, extent.pace, 1)],
    "submit50": lambda bench, extent: [rates.submit(bench, extent.pace, 50)],
    "status": lambda bench, extent: [rates.read(bench, extent.pace)],
    "callback": lambda bench, extent: decisions.callbacks(bench, extent.decisions_s, extent.pace.rounds),
    "waiters": lambda bench, extent: waiters.waiting(bench, extent.waiters),
}
"""The cases that need a server which runs already."""

NAMES = ("verdict", *CASES, "start", "opening", "past")


def measure(engine: str, names: list[str], extent: Extent) -> Iterator[Figure]:
    """Run cases on one kind of database, each on a new one, so that none pays for what another left behind.

    In brief, all are run on the same one.
    """
    here = [name for name in names if name != "past"]
    lots = [here] if extent.is_brief else [[name] for name in here]
    with running(engine) as server:
        for lot in lots:
            with prepared(engine, server) as place:
                yield from _lot(place, lot, extent)
        if "past" in names:
            yield from histories.histories(engine, server, extent.past, extent.pace)


def _lot(place: Place, names: list[str], extent: Extent) -> Iterator[Figure]:
    cases = [CASES[name] for name in names if name in CASES]
    if cases:
        with serving(place) as server, rates.bench(place, server) as bench:
            for case in cases:
                yield from case(bench, extent)
    if "start" in names:
        yield from starting.starting(place, extent.pace.rounds, extent.idle_s)
    if "opening" in names:
        yield from openings.openings(place, extent.opening, extent.pace.rounds, is_brief=extent.is_brief)


def main(argv: list[str]) -> int:
    """Measure, print, and if wanted write a JSON file; 1 if a figure makes no sense."""
    options = _options(argv)
    if options.profile:
        from benchmarks.profiling import profile

        for engine in options.database:
            profile(engine)
        return 0
    extent = SMOKE if options.smoke else full(options.repeat)
    figures: list[Figure] = []
    for figure in _measure_all(options.database, options.only, extent):
        print(f"{figure.engine}: {figure.name}: {figure.median:,.1f} {figure.unit}", file=sys.stderr)
        figures.append(figure)
    show(figures)
    if options.json:
        Path(options.json).write_text(json.dumps(as_data(figures), indent=2) + "\n", encoding="utf-8")
    nonsense = [figure.name for figure in figures if not figure.is_sane]
    if nonsense:
        print(f"These figures make no sense: {', '.join(nonsense)}", file=sys.stderr)
    return 1 if nonsense else 0


def _measure_all(engines: list[str], names: list[str], extent: Extent) -> Iterator[Figure]:
    if "verdict" in names:
        yield from verdicts.verdicts(extent.pace.rounds, extent.slices)
    if names := [name for name in names if name != "verdict"]:
        for engine in engines:
            yield from measure(engine, names, extent)


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure how fast Mitregate is.")
    parser.add_argument("--smoke", action="store_true", help="briefly: only see that everything runs")
    parser.add_argument("--only", choices=NAMES, action="append", help="only this case; may be repeated")
    parser.add_argument("--database", choices=ENGINES, action="append", help="only on this database")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="rounds of each case (5)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    parser.add_argument("--profile", action="store_true", help="say where the time goes instead")
    options = parser.parse_args(argv)
    options.only = options.only or list(NAMES)
    options.database = options.database or list(ENGINES)
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
