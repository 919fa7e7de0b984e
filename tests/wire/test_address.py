from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcptrace_py.wire.address import address_text, parse_address

LOW_64 = (1 << 64) - 1


@pytest.mark.parametrize(
    "hi, lo, version, text",
    [
        (0, 0x0A000001, 4, "10.0.0.1"),
        (0, 0, 4, "0.0.0.0"),
        (0, 0xFFFFFFFF, 4, "255.255.255.255"),
        (0x20010DB8_00000000, 1, 6, "2001:db8::1"),
        (0, 0, 6, "::"),
        (0, 1, 6, "::1"),
        (LOW_64, LOW_64, 6, ":".join(["ffff"] * 8)),
        (0, 0xFFFF_0A000001, 6, "::ffff:10.0.0.1"),
    ],
)
def test_text_and_back(hi: int, lo: int, version: int, text: str) -> None:
    assert address_text(hi, lo, version) == text
    assert parse_address(text) == (hi, lo, version)


@given(st.ip_addresses())
def test_every_address_survives_the_round_trip(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    hi, lo = int(address) >> 64, int(address) & LOW_64
    text = address_text(hi, lo, address.version)
    assert ipaddress.ip_address(text) == address
    assert parse_address(text) == (hi, lo, address.version)


@pytest.mark.parametrize("hi, lo, version", [(0, 1 << 32, 4), (1, 0, 4), (0, 0, 5), (1 << 64, 0, 6)])
def test_what_is_no_address_raises(hi: int, lo: int, version: int) -> None:
    with pytest.raises(ValueError):
        address_text(hi, lo, version)


@pytest.mark.parametrize("text", ["", "10.0.0", "10.0.0.256", "fe80::1%eth0", "example.org", "::1::"])
def test_what_is_no_text_of_one_raises(text: str) -> None:
    with pytest.raises(ValueError):
        parse_address(text)
