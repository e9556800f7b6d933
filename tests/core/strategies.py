"""Strategies: arbitrary values of the domain, many of them around the same few instants so that edges meet."""

from datetime import UTC, datetime

from hypothesis import strategies as st
from msgspec.structs import replace

from mitregate.core.approvals import Tally
from mitregate.core.calendar import LAST, Calendar, Freeze, Period, Window
from mitregate.core.changes import StatusClass
from mitregate.core.control import Control
from mitregate.core.gates import Gate, Standing
from tests.core.making import MICROSECOND, NOW, gate

FIRST = datetime.min.replace(tzinfo=UTC)
SPAN = 6

ticks = st.integers(-SPAN, SPAN)
"""Microseconds after `NOW`."""

near = ticks.map(lambda tick: NOW + tick * MICROSECOND)
"""Instants that lie so close together that every one between two of them can be tried."""

anywhen = st.one_of(near, st.sampled_from([FIRST, LAST]), st.datetimes(timezones=st.just(UTC)))
"""Instants from the first to the last that can be written."""


def windows(instants: st.SearchStrategy[datetime]) -> st.SearchStrategy[Window]:
    """Make windows as foreign systems give them: either side open, and some of them end before they start."""
    return st.builds(Window, start=st.none() | instants, end=st.none() | instants)


def is_in_order(window: Window) -> bool:
    """Tell whether a window does not end before it starts."""
    return window.start is None or window.end is None or window.start <= window.end


def calendars(instants: st.SearchStrategy[datetime]) -> st.SearchStrategy[Calendar]:
    """Make calendars of up to four freezes and two hours, which overlap, touch, or leave gaps; some are overridden."""
    names, spans = st.text(max_size=3), windows(instants).filter(is_in_order)
    overridden = st.none() | st.none() | instants
    freezes = st.lists(st.builds(Freeze, name=names, window=spans, overridden_at=overridden), max_size=4).map(tuple)
    hours = st.lists(st.builds(Period, name=names, window=spans), max_size=2).map(tuple)
    return st.builds(Calendar, freezes=freezes, hours=hours)


tallies = st.builds(Tally, met=st.integers(0, 3), needed=st.integers(0, 3), stale=st.integers(0, 2))


def standings(instants: st.SearchStrategy[datetime]) -> st.SearchStrategy[Standing]:
    """Make changes however they may stand, in this or in any other change system."""
    return st.builds(
        Standing,
        key=st.sampled_from(["CHG-7", "SHOP-1"]),
        status=st.text(max_size=5),
        status_class=st.sampled_from([*StatusClass, StatusClass.PROCEED]),
        is_declined=st.booleans(),
        moves_by_itself=st.booleans(),
        window=windows(instants),
        approvals=st.none() | tallies,
    )


gates: st.SearchStrategy[Gate] = st.builds(
    lambda control, key, jobs: replace(gate(control=control, change_key=key), contested=jobs),
    st.sampled_from([*Control, Control.REQUIRED]),
    st.none() | st.just("CHG-7"),
    st.none() | st.just("'team/Aa' and 'team/BB'"),
)
