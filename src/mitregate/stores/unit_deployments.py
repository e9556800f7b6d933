"""Deployments in the database, each as its newest update."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from mitregate.core.deployments import Deployment, DeploymentKey
from mitregate.stores.ledger import Table
from mitregate.stores.rows import body, deployment_of, instant, key_of, key_values, moment_if, plain


class DeploymentTable(Table):
    """The deployments, each as its newest update."""

    def get(self, key: DeploymentKey) -> Deployment | None:
        """Read one deployment, locked against other transactions where these run beside this one."""
        row = self._q.deployment(self._connection, **key_values(key))
        found = self._ledger.found[key] = deployment_of(row) if row else None
        return found

    def get_all(self, keys: Sequence[DeploymentKey]) -> dict[DeploymentKey, Deployment]:
        """Read those of several deployments that are there, locked likewise, in one go."""
        if len(keys) == 1:
            found = self.get(keys[0])
            return {} if found is None else {keys[0]: found}
        wanted = body([list(key_values(key).values()) for key in keys])
        rows = self._q.deployments_of_keys(self._connection, **plain(keys=wanted))
        known = {key_of(row[:4]): deployment_of(row[4:]) for row in rows}
        self._ledger.found |= {key: known.get(key) for key in keys}
        return known

    def kept_at(self, key: DeploymentKey) -> datetime | None:
        """Say when a deployment was last kept; None if it is not there."""
        return moment_if(self._q.deployment_kept_at(self._connection, **key_values(key)))

    def keep(self, deployment: Deployment, at: datetime) -> None:
        """Keep a deployment in place of the one with its key, if any; properties replace the earlier ones.

        If this flow has looked for it in vain, it must still not be there, or the flow is run again: what is not there
        cannot be locked.
        """
        key = deployment.key
        is_blind = key not in self._ledger.found
        earlier = self._ledger.found.get(key)
        values = key_values(key) | plain(update_sequence_number=deployment.update_sequence_number)
        values |= {"state": deployment.state.value, "updated_at": instant(at), "body": body(deployment)}
        query = self._q.keep_deployment if is_blind or earlier else self._q.add_deployment
        self._write(query, values)
        self._keep_properties(deployment, is_bare=not is_blind and not (earlier and earlier.properties))
        self._ledger.found[key] = deployment

    def remove(self, key: DeploymentKey) -> bool:
        """Forget a deployment; say whether it was there."""
        self._ledger.found.pop(key, None)
        return self._change(self._q.remove_deployment, key_values(key))

    def by_properties(self, app_id: str, properties: Mapping[str, str]) -> list[DeploymentKey]:
        """Find the app's deployments that carry all of *properties* (at least one)."""
        values = plain(app_id=app_id, properties=_pairs(properties), number=len(properties))
        return [key_of(row) for row in self._q.deployments_by_properties(self._connection, **values)]

    def count_of_app(self, app_id: str) -> int:
        """Count the deployments of an app."""
        row = self._q.count_deployments_of_app(self._connection, **plain(app_id=app_id))
        return int(row[0])

    def of_app(self, app_id: str) -> list[DeploymentKey]:
        """Find all deployments of an app; no more can come until the transaction ends."""
        self._q.lock_app(self._connection, **plain(app_id=app_id))
        return [key_of(row) for row in self._q.deployments_of_app(self._connection, **plain(app_id=app_id))]

    def _keep_properties(self, deployment: Deployment, *, is_bare: bool) -> None:
        if is_bare and not deployment.properties:
            return
        values = key_values(deployment.key)
        if not is_bare:
            self._write(self._q.clear_properties, values)
        if deployment.properties:
            self._write(self._q.add_properties, values | {"properties": _pairs(deployment.properties)})


def _pairs(properties: Mapping[str, str]) -> str:
    for name, value in properties.items():
        plain(property_name=name, property_value=value)
    return body(dict(properties))
