from base64 import b64encode

import pytest
from msgspec.structs import replace

from mitregate.core.deployments import EnvironmentType
from mitregate.core.reach import Reach, subject_of
from mitregate.core.services import Service, by_id, find, plain_id
from tests.core.making import deployment

ARI = "ari:cloud:graph::service/1/2"
CODED = "b:" + b64encode(ARI.encode()).decode()

SHOP = replace(deployment(), associations=replace(deployment().associations, services=("checkout", CODED.rstrip("="))))


@pytest.mark.parametrize(
    ("reach", "covers"),
    [
        (Reach(), True),
        (Reach(projects=("sh*",)), True),
        (Reach(projects=("bank", "SHOP")), True),
        (Reach(projects=("bank",)), False),
        (Reach(environments=("Production",)), True),
        (Reach(environments=("prod-?",)), True),
        (Reach(environments=("staging",)), False),
        (Reach(types=(EnvironmentType.STAGING, EnvironmentType.PRODUCTION)), True),
        (Reach(types=(EnvironmentType.STAGING,)), False),
        (Reach(services=(" checkout ",)), True),
        (Reach(services=(ARI,)), True),
        (Reach(services=(CODED,)), True),
        (Reach(services=("bank",)), False),
        (
            Reach(projects=("shop",), environments=("prod*",), types=(EnvironmentType.PRODUCTION,), services=(ARI,)),
            True,
        ),
        (Reach(projects=("shop",), services=("bank",)), False),
    ],
)
def test_every_side_that_is_given_must_fit(reach: Reach, covers: bool) -> None:
    """A rule is about a deployment if on each side that it names one of the names or patterns fits."""
    assert reach.covers(subject_of(SHOP)) is covers


def test_a_deployment_without_services_is_reached_by_none() -> None:
    """A rule about services is not about what names none."""
    bare = replace(deployment(), associations=replace(deployment().associations, services=()))
    assert not Reach(services=("checkout",)).covers(subject_of(bare))


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (ARI, ARI),
        (CODED, ARI),
        (f" {CODED.rstrip('=')} ", ARI),
        ("b:YQ", "a"),
        ("b:YQ==", "a"),
        ("b:YQ====", "a"),
        ("b:YWI", "ab"),
        ("b:YWI=", "ab"),
        ("b:YWJj", "abc"),
        ("b:YWJX", "abW"),
        ("b:=YWJj", "b:=YWJj"),
        ("b:YWJjZ", "b:YWJjZ"),
        ("b:!", "b:!"),
        ("b:/w==", "b:/w=="),
        ("B:YQ", "B:YQ"),
        ("", ""),
    ],
)
def test_all_forms_of_an_id_are_one(written: str, plain: str) -> None:
    """An id in base64 is the one that it encodes; what cannot be decoded stays as it is."""
    assert plain_id(written) == plain


def test_services_are_found_by_any_of_their_ids() -> None:
    """Services are found by id and alias in any form, each once; what is not known is given back as it was written."""
    checkout = Service(id=ARI, tier=2, aliases=("checkout",))
    ledger = Service(id="ledger", tier=1)
    found = find(by_id([checkout, ledger]), ["checkout", CODED, "ghost", "ledger", "ghost"])
    assert (found.known, found.unknown, found.tier) == ((checkout, ledger), ("ghost",), 1)
    assert find({}, ["x"]).tier is None
