from ipaddress import ip_network

import pytest

from mitregate.core.errors import Misconfigured
from mitregate.wire.addresses import may_be_called, parse_networks

PUBLIC = [
    "1.1.1.1",
    "93.184.216.34",
    "172.32.0.1",
    "2606:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::101:101",
    "2002:101:101::",
]
INNER = [
    "0.0.0.0",
    "0.1.2.3",
    "10.255.255.255",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.1.1",
    "239.255.255.250",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:0:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:a00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address: str) -> None:
    """What the whole internet can reach may be called, also where IPv6 carries it."""
    assert may_be_called(address, ())


@pytest.mark.parametrize("address", INNER)
def test_an_inner_address_may_not_be_called(address: str) -> None:
    """What belongs to a machine, a network, a cloud's metadata, a group or nobody may not be called."""
    assert not may_be_called(address, ())


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "2002:a01:203::", "fd00::1"])
def test_a_listed_network_covers_its_addresses_however_carried(address: str) -> None:
    """A listed network opens its addresses, also where IPv6 carries them."""
    assert may_be_called(address, parse_networks("10.0.0.0/8,fd00::/16"))


def test_a_list_may_name_the_carrying_addresses() -> None:
    """An IPv6 network that carries IPv4 addresses can be listed as it is written."""
    assert may_be_called("64:ff9b::7f00:1", parse_networks("64:ff9b::/96"))
    assert not may_be_called("127.0.0.1", parse_networks("64:ff9b::/96"))


@pytest.mark.parametrize("address", ["11.0.0.1", "127.0.0.1", "fd01::1", "::ffff:192.168.0.1"])
def test_a_listed_network_covers_nothing_else(address: str) -> None:
    """A listed network leaves every other inner address shut."""
    assert may_be_called(address, parse_networks("10.0.0.0/8,fd00::/16")) == (address == "11.0.0.1")


def test_a_list_of_networks_is_read() -> None:
    """Networks are divided by commas, spaces do not matter, and an address stands for itself."""
    expected = tuple(ip_network(text) for text in ("10.0.0.0/8", "fd00::/8", "192.0.2.7/32"))
    assert parse_networks(" 10.0.0.0/8,fd00::/8 , 192.0.2.7, ") == expected
    assert parse_networks("") == ()


@pytest.mark.parametrize("text", ["10.0.0.1/8", "intranet", "10.0.0.0/33", "10.0.0.0/8;fd00::/8", "*"])
def test_a_wrong_list_of_networks_is_told(text: str) -> None:
    """What is no network is refused with the part at fault, the setting, and advice."""
    with pytest.raises(Misconfigured, match="MITREGATE_OUTBOUND_ALLOW") as caught:
        parse_networks(f"127.0.0.0/8,{text}")
    assert text in caught.value.message
    assert "10.0.0.0/8" in caught.value.advice()
