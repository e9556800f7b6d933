import pytest

from mitregate.core.errors import Forbidden
from mitregate.core.people import MAY, Permission, Principal, Role, Scope, fingerprint


@pytest.mark.parametrize(
    ("role", "permissions"),
    [
        ("admin", "view decide plan override operate audit administer"),
        ("change_manager", "view decide plan override"),
        ("approver", "view decide"),
        ("operator", "view operate"),
        ("auditor", "view audit"),
        ("viewer", "view"),
    ],
)
def test_roles_may_what_they_need(role: str, permissions: str) -> None:
    """Each role has exactly its permissions, and no other role exists."""
    assert MAY[Role(role)] == set(permissions.split())
    assert set(MAY) == set(Role)


@pytest.mark.parametrize("permission", list(Permission))
@pytest.mark.parametrize("role", list(Role))
def test_permissions_are_required(role: Role, permission: Permission) -> None:
    """Who has a permission passes, who lacks it is refused and told which one."""
    person = Principal(name="ann", user_id="u1", permissions=MAY[role])
    if permission in MAY[role]:
        person.require(permission)
    else:
        with pytest.raises(Forbidden, match=f"ann .*'{permission.value}'"):
            person.require(permission)


def test_an_app_with_the_scope_passes() -> None:
    """An app that has the scope is let through, and its id comes back."""
    assert Principal(name="ci", app_id="a1", scopes=frozenset({Scope.READ})).require_scope(Scope.READ) == "a1"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Principal(name="ci", app_id="a1", scopes=frozenset({Scope.READ})), id="an app without it"),
        pytest.param(Principal(name="ann", user_id="u1", permissions=frozenset(Permission)), id="a person"),
        pytest.param(Principal(name="odd", scopes=frozenset(Scope)), id="no app at all"),
    ],
)
def test_scopes_are_for_apps_that_have_them(other: Principal) -> None:
    """Whoever is no app, or lacks the scope, is refused, whatever permissions there are."""
    with pytest.raises(Forbidden, match="write:deployment-info:jira"):
        other.require_scope(Scope.WRITE)


def test_an_app_has_no_permissions() -> None:
    """An app's scopes are no person's permissions."""
    with pytest.raises(Forbidden):
        Principal(name="ci", app_id="a1", scopes=frozenset(Scope)).require(Permission.VIEW)


def test_secrets_are_kept_as_fingerprints() -> None:
    """What is kept of a secret is its SHA-256 in hex."""
    assert fingerprint("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
