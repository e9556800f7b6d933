"""Scopes: what an app may do with its deployments."""

from enum import StrEnum


class Scope(StrEnum):
    """What an app may do with its deployments, in Jira's words for OAuth scopes."""

    READ = "read:deployment-info:jira"
    WRITE = "write:deployment-info:jira"
    DELETE = "delete:deployment-info:jira"
