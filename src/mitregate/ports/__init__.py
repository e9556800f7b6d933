"""Ports: what the flows need of the world, as protocols; the hands implement them, `wiring` puts them together.

A *flow* is a plain function over a unit of work, the store inside one transaction. Flows are pure over what they read,
so a store may run one again. The doors await `Store.transact(flow)` or `Store.read(flow)`.
"""

from mitregate.ports.feeds import Feeds
from mitregate.ports.nouns import (
    Apps,
    Audit,
    Changes,
    Claim,
    Deployments,
    Gates,
    Hosts,
    Jobs,
    KeptRules,
    People,
    Rules,
)
from mitregate.ports.store import Store, Touched, UnitOfWork
from mitregate.ports.world import ChangeSystem, Ports, Provider, Talker, Wish

__all__ = [
    "Apps",
    "Audit",
    "ChangeSystem",
    "Changes",
    "Claim",
    "Deployments",
    "Feeds",
    "Gates",
    "Hosts",
    "Jobs",
    "KeptRules",
    "People",
    "Ports",
    "Provider",
    "Rules",
    "Store",
    "Talker",
    "Touched",
    "UnitOfWork",
    "Wish",
]
