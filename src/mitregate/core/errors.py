"""Everything that can go wrong, cut by who must act.

    MitregateError
    ├── Refused         the caller must act
    │   ├── Malformed  Unproven  Forbidden  Unknown  Stale  IllegalTransition  TooLarge
    ├── Misconfigured   the operator must act
    └── Unsettled       nobody: time must pass
        ├── Unreachable  StoreError

A class' docstring is its default message, so an undocumented error cannot exist.
"""


class MitregateError(Exception):
    """Something went wrong in Mitregate."""

    hint = "Look at the server's log for what happened."

    def __init__(self, message: str | None = None, *, advice: str | None = None) -> None:
        """Say what went wrong, and what to do about it if the class' own advice is too general."""
        self.message = message or (type(self).__doc__ or "").partition("\n")[0]
        self._advice = advice
        super().__init__(self.message)

    def advice(self) -> str:
        """Tell the person who must act what to do."""
        return self._advice or self.hint


class Refused(MitregateError):
    """The request cannot be carried out as it was made."""

    hint = "Correct the request and send it again."


class Malformed(Refused):
    """The request is not of the form that is understood here."""


class Unproven(Refused):
    """Who is asking could not be proved."""

    hint = "Send a valid token in the Authorization header, as `Bearer <token>`."


class Forbidden(Refused):
    """Who is asking may not do this."""

    hint = "Ask an administrator for the scope or the role that this needs."


class Unknown(Refused):
    """There is nothing here by that name."""

    hint = "Check the name; what belongs to another app is not shown."


class Stale(Refused):
    """Somebody else changed this in the meantime."""

    hint = "Read it again, then repeat the request if it still makes sense."


class IllegalTransition(Refused):
    """The change workflow has no such transition from here."""

    hint = "Read the change: it lists the transitions that are possible now."


class TooLarge(Refused):
    """The request is larger than what is accepted at once."""

    hint = "Send less in each request."


class Misconfigured(MitregateError):
    """The configuration does not allow this to work."""

    hint = "Run `mitregate doctor` where the server runs; it names the setting to correct."


class Unsettled(MitregateError):
    """This cannot be done just now."""

    hint = "Nothing needs to be changed: try again a little later."

    def __init__(
        self, message: str | None = None, *, advice: str | None = None, retry_after: float | None = None
    ) -> None:
        """Say what went wrong, as above, and for how many seconds it asks to be left alone, if it does."""
        super().__init__(message, advice=advice)
        self.retry_after = retry_after


class Unreachable(Unsettled):
    """The other side could not be reached."""

    hint = "See that the address is right and the other side runs; if both are well, try again a little later."


class StoreError(Unsettled):
    """The database did not answer as it should."""
