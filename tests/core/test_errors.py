import inspect

import pytest

from mitregate.core import errors
from mitregate.core.errors import Misconfigured, MitregateError, Refused, Unsettled

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, MitregateError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_speaks_for_itself(kind: type[MitregateError]) -> None:
    """Raised bare, an error says in a sentence what is so, and in another what to do."""
    error = kind()
    assert error.message == str(error) == (kind.__doc__ or "").splitlines()[0]
    assert error.message.endswith(".")
    assert error.advice().endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_can_say_more(kind: type[MitregateError]) -> None:
    """Raised with words of its own, an error says those; its general advice stands in where none is given."""
    assert (kind("No.", advice="Do this.").message, kind("No.", advice="Do this.").advice()) == ("No.", "Do this.")
    assert kind("No.").advice() == kind().advice()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not MitregateError])
def test_somebody_must_act(kind: type[MitregateError]) -> None:
    """Every error belongs to exactly one of those who must act: the caller, the operator, or time."""
    assert len([room for room in (Refused, Misconfigured, Unsettled) if issubclass(kind, room)]) == 1


def test_the_tree_is_the_one_that_is_drawn() -> None:
    """The drawing at the top of the module names every error."""
    drawn = inspect.getdoc(errors) or ""
    assert [kind.__name__ for kind in KINDS if kind.__name__ not in drawn] == []
