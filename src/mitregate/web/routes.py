"""Routes: what the native API consists of."""

from litestar import Router

from mitregate.web import (
    api_amend,
    api_calendar_link,
    api_calendars,
    api_changes,
    api_connect,
    api_deliveries,
    api_explain,
    api_freezes,
    api_gates,
    api_jenkins,
    api_people,
    api_rules,
    api_server,
    api_settings,
)

API = "/api/v1"
"""What the paths of the native API begin with."""


def make_api() -> Router:
    """Gather the routes of the API."""
    routes = (
        *api_gates.ROUTES,
        *api_explain.ROUTES,
        *api_changes.ROUTES,
        *api_settings.ROUTES,
        *api_rules.ROUTES,
        *api_freezes.ROUTES,
        *api_calendars.ROUTES,
        *api_calendar_link.ROUTES,
        *api_deliveries.ROUTES,
        *api_people.ROUTES,
        *api_amend.ROUTES,
        *api_connect.ROUTES,
        *api_jenkins.ROUTES,
        *api_server.ROUTES,
    )
    return Router(API, route_handlers=routes)
