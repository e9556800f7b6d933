"""What JQL's clauses mean for the issues of a site, for whoever asks."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from tests.fakes.jira.fields import Field, as_text
from tests.fakes.jira.jql import Both, Clause, Condition, Either, Not
from tests.fakes.jira.jql_text import is_match
from tests.fakes.jira.model import Issue, User
from tests.fakes.jira.refusals import Refusal
from tests.fakes.jira.site import Site

Test = Callable[[Issue], bool]
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NAMES = {"type": "issuetype", "id": "key", "issue": "key", "issuekey": "key"}
_INSTANTS = {"created", "updated", "resolutiondate", "resolved"}
_TEXTS = {"summary", "description", "text"}
_NAMED = {"project", "status", "statuscategory", "key", "issuetype", "labels", "reporter", "resolution", "assignee"}
_EQUAL = {"=", "!=", "in", "not in"}


class Reader:
    """Makes tests of clauses: for a site, and for who asks, whose time zone is that of dates.

    `warnings` collects what is wrong with values where a query `is_lenient`, as Data Center has it with
    `validateQuery: false`; else that is refused.
    """

    def __init__(self, site: Site, user: User | None, *, is_lenient: bool = False) -> None:
        self.site = site
        self.user = user
        self.is_lenient = is_lenient
        self.warnings: list[str] = []

    def test(self, condition: Condition | None) -> Test:
        """Make a test of a condition."""
        match condition:
            case None:
                return lambda issue: True
            case Both(parts):
                tests = [self.test(part) for part in parts]
                return lambda issue: all(test(issue) for test in tests)
            case Either(parts):
                tests = [self.test(part) for part in parts]
                return lambda issue: any(test(issue) for test in tests)
            case Not(part):
                inner = self.test(part)
                return lambda issue: not inner(issue)
            case Clause():
                return self._clause(condition)
            case _:
                assert_never(condition)

    def sort_key(self, name: str) -> Callable[[Issue], Any]:
        """Give what issues are put in order by."""
        known = _NAMES.get(name.lower(), name.lower())
        if known in _INSTANTS:
            return lambda issue: self._instant(issue, known) or datetime.min.replace(tzinfo=UTC)
        if known == "key":
            return lambda issue: (issue.key.rpartition("-")[0], int(issue.key.rpartition("-")[2]))
        if known in _NAMED:
            return lambda issue: sorted(self._names(issue, known))
        field = self._field(name)
        return lambda issue: as_text(field, issue.values.get(field.id))

    def _clause(self, clause: Clause) -> Test:
        name = _NAMES.get(clause.field.lower(), clause.field.lower())
        if clause.field.startswith("issue.property["):
            return self._property(clause)
        if name in _INSTANTS:
            return self._compared(clause, lambda issue: self._instant(issue, name))
        if name in _TEXTS:
            return self._text(clause, name)
        if name in _NAMED:
            return self._named(clause, name)
        return self._custom(clause, self._field(clause.field))

    def _custom(self, clause: Clause, field: Field) -> Test:
        if field.kind == "instant":
            return self._compared(clause, lambda issue: issue.values.get(field.id))
        if field.kind in {"document", "text"} and clause.sign in {"~", "!~"}:
            return self._text(clause, field.id)
        return self._one_of(clause, lambda issue: {as_text(field, issue.values.get(field.id)).lower()} - {""})

    def _field(self, name: str) -> Field:
        wanted = name.lower()
        for field in self.site.fields:
            if wanted in {clause.lower() for clause in field.clauses} and field.kind != "approvals":
                return field
        who = (
            " or you do not have permission to view it"
            if self.user
            else " or this field cannot be viewed by anonymous users"
        )
        raise Refusal(400, f"Field '{name}' does not exist{who}.")

    def _property(self, clause: Clause) -> Test:
        found = re.fullmatch(r"issue\.property\[([^\]]*)\]\.?(.*)", clause.field)
        assert found is not None
        key, path = found[1], found[2]
        if key not in self.site.indexed_properties:
            raise Refusal(400, f"Field '{clause.field}' does not exist or you do not have permission to view it.")

        def names(issue: Issue) -> set[str]:
            value = issue.properties.get(key)
            for step in filter(None, path.split(".")):
                value = value.get(step) if isinstance(value, dict) else None
            return set() if value is None else {str(value).lower()}

        return self._one_of(clause, names)

    def _instant(self, issue: Issue, name: str) -> datetime | None:
        match name:
            case "created":
                return issue.created
            case "updated":
                return issue.updated
            case _:
                return issue.resolved

    def _compared(self, clause: Clause, when: Callable[[Issue], datetime | None]) -> Test:
        if clause.sign in {"is", "is not"}:
            return lambda issue: (when(issue) is None) == (clause.sign == "is")
        if clause.sign not in {"<", ">", "<=", ">=", "=", "!="}:
            raise _unsupported(clause)
        limit = self._moment(clause)
        compare: dict[str, Callable[[datetime], bool]] = {
            "<": lambda at: at < limit,
            ">": lambda at: at > limit,
            "<=": lambda at: at <= limit,
            ">=": lambda at: at >= limit,
            "=": lambda at: at == limit,
            "!=": lambda at: at != limit,
        }
        test = compare[clause.sign]

        def is_so(issue: Issue) -> bool:
            at = when(issue)
            return at is not None and test(at)

        return is_so

    def _moment(self, clause: Clause) -> datetime:
        (said,) = clause.values
        now, zone = self.site.clock.now(), ZoneInfo(self.user.zone if self.user else "UTC")
        if said.lower() == "now()":
            return now
        if relative := re.fullmatch(r"([+-]?)(\d+)([mhdw])", said):
            by = timedelta(**{_UNITS[relative[3]]: int(relative[2])})
            return now - by if relative[1] == "-" else now + by
        for shape in ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d"):
            try:
                return datetime.strptime(said, shape).replace(tzinfo=zone).astimezone(UTC)
            except ValueError:
                continue
        raise Refusal(
            400,
            f"Date value '{said}' for field '{clause.field}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
            "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.",
        )

    def _text(self, clause: Clause, name: str) -> Test:
        if clause.sign not in {"~", "!~"}:
            raise _unsupported(clause)
        (sought,) = clause.values
        is_match("", sought, clause.field)
        fields = [field for field in self.site.fields if field.id == name or (name == "text" and _is_text(field))]

        def is_so(issue: Issue) -> bool:
            texts = (as_text(field, issue.values.get(field.id)) for field in fields)
            return any(is_match(text, sought, clause.field) for text in texts) == (clause.sign == "~")

        return is_so

    def _named(self, clause: Clause, name: str) -> Test:
        if name == "key":
            return self._keys(clause)
        known = self._known(name)
        if known is not None and clause.sign in _EQUAL:
            for value in clause.values:
                if value.lower() not in known:
                    self._doubt(f"The value '{value}' does not exist for the field '{clause.field}'.")
        return self._one_of(clause, lambda issue: self._names(issue, name))

    def _keys(self, clause: Clause) -> Test:
        ids: set[str] = set()
        for value in clause.values:
            issue = self.site.issue(value)
            if issue is None or not self.may_see(issue):
                self._doubt(f"An issue with key '{value}' does not exist for field '{clause.field}'.")
            else:
                ids.add(issue.id)
        if clause.sign not in _EQUAL:
            raise _unsupported(clause)
        return lambda issue: (issue.id in ids) == (clause.sign in {"=", "in"})

    def may_see(self, issue: Issue) -> bool:
        """Tell whether who asks may see an issue."""
        user = self.user
        return user is not None and "BROWSE_PROJECTS" in user.may and issue.project not in user.hidden_projects

    def _known(self, name: str) -> set[str] | None:
        user = self.user
        seen = [
            project
            for key, project in self.site.projects.items()
            if user is not None and "BROWSE_PROJECTS" in user.may and key not in user.hidden_projects
        ]
        match name:
            case "project":
                return {said.lower() for project in seen for said in (project.key, project.name, project.id)}
            case "status":
                return {said.lower() for project in seen for status in project.workflow.statuses
                        for said in (status.name, status.id)}  # fmt: skip
            case "issuetype":
                return {said.lower() for project in seen for pair in project.issue_types.items() for said in pair}
            case _:
                return None

    def _names(self, issue: Issue, name: str) -> set[str]:
        project, status = self.site.project_of(issue), self.site.status_of(issue)
        match name:
            case "project":
                said = [project.key, project.name, project.id]
            case "status":
                said = [status.name, status.id]
            case "statuscategory":
                said = [status.category.name, status.category.key, str(status.category.id)]
            case "issuetype":
                said = [issue.issue_type, project.issue_types[issue.issue_type]]
            case "labels":
                said = list(issue.values.get("labels") or [])
            case "reporter":
                said = [issue.reporter]
            case "resolution":
                said = ["Done"] if issue.resolved else []
            case _:
                said = [issue.values["assignee"]] if issue.values.get("assignee") else []
        return {text.lower() for text in said}

    def _one_of(self, clause: Clause, names: Callable[[Issue], set[str]]) -> Test:
        if clause.sign in {"is", "is not"}:
            return lambda issue: (not names(issue)) == (clause.sign == "is")
        if clause.sign not in _EQUAL:
            raise _unsupported(clause)
        me = self.user.id.lower() if self.user else ""
        wanted = {me if value.lower() == "currentuser()" else value.lower() for value in clause.values}
        if clause.sign in {"=", "in"}:
            return lambda issue: bool(names(issue) & wanted)
        # As in Jira, what is empty is not unlike anything.
        return lambda issue: bool(names(issue)) and not names(issue) & wanted

    def _doubt(self, said: str) -> None:
        if not self.is_lenient:
            raise Refusal(400, said)
        self.warnings.append(said)


def _is_text(field: Field) -> bool:
    return field.kind in {"summary", "document", "text"}


def _unsupported(clause: Clause) -> Refusal:
    return Refusal(400, f"The operator '{clause.sign}' is not supported by the '{clause.field}' field.")
