"""Figures: what was measured, against what was wanted, as a table."""

import math
import statistics
from collections.abc import Sequence

from msgspec import Struct
from rich.console import Console
from rich.table import Table

RATE = "/s"
"""The unit of what is better the more of it there is; of all else there had better be little."""


class Figure(Struct, frozen=True, kw_only=True):
    """One measured quantity, over several rounds.

    Where there is a ceiling, the target of a rate is the lowest ratio to it; elsewhere it is what the value must stay
    below. The ceiling of a time is the time that it would take if there were nothing but its necessary part.
    """

    name: str
    engine: str
    unit: str
    values: tuple[float, ...]
    ceilings: tuple[float, ...] = ()
    target: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """The median of the values."""
        return statistics.median(self.values)

    @property
    def ceiling(self) -> float | None:
        """The median of the ceilings, if there is one."""
        return statistics.median(self.ceilings) if self.ceilings else None

    @property
    def ratios(self) -> list[float]:
        """How much of what is possible was reached, each value against the ceiling of the same round."""
        pairs = zip(self.values, self.ceilings, strict=bool(self.ceilings))
        return [value / ceiling if self.unit == RATE else ceiling / value for value, ceiling in pairs]

    @property
    def aims_at_ratio(self) -> bool:
        """Whether the target speaks of the ratio."""
        return self.unit == RATE and bool(self.ceilings)

    @property
    def is_sane(self) -> bool:
        """Whether something was measured at all; a time may be nothing, a rate or a size may not."""
        lowest = min((*self.values, *self.ceilings))
        return math.isfinite(self.median) and (lowest >= 0 if self.unit == "ms" else lowest > 0)

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None if there is none."""
        if self.target is None:
            return None
        return statistics.median(self.ratios) >= self.target if self.aims_at_ratio else self.median < self.target


def together(*rates: float) -> float:
    """Give the rate at which requests pass if each costs what the parts cost in sum."""
    return 1 / sum(1 / rate for rate in rates)


def show(figures: Sequence[Figure]) -> None:
    """Print the figures as a table."""
    table = Table("figure", "database", "median", "ceiling", "ratio", "target", "met", "note")
    for figure in figures:
        table.add_row(*_row(figure))
    Console(width=None if Console().is_terminal else 170).print(table)


def as_data(figures: Sequence[Figure]) -> list[dict[str, object]]:
    """Give the figures for a JSON file."""
    return [
        {
            "name": figure.name,
            "database": figure.engine,
            "unit": figure.unit,
            "median": figure.median,
            "values": figure.values,
            "ceilings": figure.ceilings,
            "ratio": statistics.median(figure.ratios) if figure.ceilings else None,
            "target": figure.target,
            "met": figure.is_met,
            "note": figure.note,
        }
        for figure in figures
    ]


def _row(figure: Figure) -> tuple[str, ...]:
    sign, unit = ("≥", "") if figure.aims_at_ratio else ("<", f" {figure.unit}")
    return (
        figure.name,
        figure.engine,
        _spread(figure.values, figure.unit),
        _spread(figure.ceilings, figure.unit) if figure.ceilings else "",
        _spread(figure.ratios, "") if figure.ceilings else "",
        f"{sign} {figure.target:g}{unit}" if figure.target is not None else "",
        {True: "yes", False: "NO", None: ""}[figure.is_met],
        figure.note,
    )


def _spread(values: Sequence[float], unit: str) -> str:
    middle = f"{_number(statistics.median(values))} {unit}".strip()
    return middle if len(values) == 1 else f"{middle} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
