"""The fields of a new site, with the ids that they happen to have there."""

from tests.fakes.jira.fields import Field

_TYPES = "com.atlassian.jira.plugin.system.customfieldtypes:"

_SERVICES = Field(
    id="customfield_10043",
    name="Affected services",
    kind="services",
    type="array",
    items="service-entity-field",
    custom="com.atlassian.jira.plugins.service-entity:service-entity-field-cftype",
)


def catalogue(*, is_cloud: bool) -> list[Field]:
    """List the fields of a new site."""
    system = [
        Field(id="summary", name="Summary", kind="summary", type="string"),
        Field(id="description", name="Description", kind="document", type="string"),
        Field(id="labels", name="Labels", kind="labels", type="array", items="string"),
        Field(id="assignee", name="Assignee", kind="user", type="user"),
        Field(id="reporter", name="Reporter", kind="user", type="user"),
        Field(
            id="priority",
            name="Priority",
            kind="priority",
            type="priority",
            options=("High", "Medium", "Low"),
        ),
    ]
    custom = [
        _custom(10003, "Approvers", "users", "multiuserpicker", "array", items="user"),
        _select(10004, "Impact", "Extensive / Widespread", "Significant / Large", "Moderate / Limited"),
        _select(10005, "Change type", "Standard", "Normal", "Emergency"),
        _select(10006, "Change risk", "Critical", "High", "Medium", "Low"),
        _select(10007, "Change reason", "Repair", "Upgrade", "Maintenance", "New functionality", "Other"),
        Field(
            id="customfield_10010",
            name="Request Type",
            kind="request type",
            type="sd-customerrequesttype",
            custom="com.atlassian.servicedesk:vp-origin",
        ),
        _custom(10011, "Planned start", "instant", "datetime", "datetime"),
        _custom(10012, "Planned end", "instant", "datetime", "datetime"),
        _custom(10013, "Approver groups", "groups", "multigrouppicker", "array", items="group"),
        Field(
            id="customfield_10014",
            name="Approvals",
            kind="approvals",
            type="sd-approvals",
            is_read_only=True,
            custom="com.atlassian.servicedesk.approvals-plugin:sd-approvals",
        ),
        _custom(10054, "Implementation plan", "document", "textarea", "string"),
        _custom(10055, "Backout plan", "document", "textarea", "string"),
        _custom(10056, "Test plan", "document", "textarea", "string"),
    ]
    return [*system, *custom, *([_SERVICES] if is_cloud else [])]


def _custom(number: int, name: str, kind: str, custom: str, type_: str, *, items: str | None = None) -> Field:
    return Field(id=f"customfield_{number}", name=name, kind=kind, type=type_, custom=f"{_TYPES}{custom}", items=items)


def _select(number: int, name: str, *options: str) -> Field:
    return Field(
        id=f"customfield_{number}", name=name, kind="option", type="option", custom=f"{_TYPES}select", options=options
    )
