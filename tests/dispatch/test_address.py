from __future__ import annotations

import pytest

from dispatch.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address", "is_loopback"),
    [
        ("127.0.0.1:9000", Address(host="127.0.0.1", port=9000), True),
        ("127.8.0.1:0", Address(host="127.8.0.1", port=0), True),
        ("localhost:9000", Address(host="localhost", port=9000), True),
        ("[::1]:9000", Address(host="::1", port=9000), True),
        ("0.0.0.0:9000", Address(host="0.0.0.0", port=9000), False),
        ("[::]:9000", Address(host="::", port=9000), False),
        ("192.0.2.1:9000", Address(host="192.0.2.1", port=9000), False),
        ("depot.example:9000", Address(host="depot.example", port=9000), False),
    ],
)
def test_an_address_knows_whether_others_can_reach_it(text: str, address: Address, is_loopback: bool) -> None:  # noqa: FBT001
    assert parse_address(text) == address
    assert address.is_loopback is is_loopback
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9000",
        "127.0.0.1",
        "127.0.0.1:",
        ":9000",
        "a:b",
        "127.0.0.1:70000",
        "u@127.0.0.1:1",
        "[::1:9",
        "h:1/x",
    ],
)
def test_what_is_no_address_is_refused_with_what_was_found(text: str) -> None:
    with pytest.raises(ValueError, match="must be host:port") as caught:
        parse_address(text)
    assert repr(text) in str(caught.value)
