"""Scopes: what an app may do with its deployments."""

from enum import StrEnum

from typing_extensions import override


class Scope(StrEnum):
    """What an app may do with its deployments, in Jira's words for OAuth scopes."""

    READ = "read:deployment-info:jira"
    WRITE = "write:deployment-info:jira"
    DELETE = "delete:deployment-info:jira"

    @property
    def short(self) -> str:
        """What people call it: `read`, `write`, `delete`; `Scope` is made of that, too."""
        return self.value.partition(":")[0]

    @classmethod
    @override
    def _missing_(cls, value: object) -> "Scope | None":
        return next((scope for scope in cls if scope.short == value), None)
