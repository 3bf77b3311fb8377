"""Ranges of firmware, and what a charger is called."""

from __future__ import annotations

import pytest

from dispatch.identity import FirmwareRange, FirmwareRangeError, Identity


@pytest.mark.parametrize(
    ("text", "firmware", "is_in"),
    [
        (">=1.8,<2", "V1.8.21", True),
        (">=1.8,<2", "2.0", False),
        ("<=1.8.21", "1.8.21-b7", True),
        ("<=1.8", "1.8.99", True),
        ("<3.11", "03.09", True),
        ("<3.11", "03.11", False),
        ("<2025.4", "2025.3.1", True),
        ("==5.17.87", "5.17.87", True),
        ("==5.17.87", "5.17.8", False),
        (">5.17", "5.17.87", False),
        (">=56", "56", True),
        ("==4.4.30", "FW 04.04.30", True),
        (">=1", "unnumbered", False),
    ],
)
def test_firmware_is_compared_by_its_numbers_as_far_as_a_bound_goes(
    text: str, firmware: str, *, is_in: bool
) -> None:
    assert FirmwareRange.parse(text).contains(firmware) is is_in


@pytest.mark.parametrize("text", ["", "1.8", "=>1.8", ">=", ">=1.8 <2", ">=1.x"])
def test_what_is_no_range_of_firmware_is_refused(text: str) -> None:
    with pytest.raises(FirmwareRangeError, match="no range of firmware"):
        FirmwareRange.parse(text)


def test_a_charger_prints_as_what_is_known_of_it() -> None:
    assert str(Identity(vendor="Maker", model="M1", firmware="2.0")) == "Maker M1, firmware 2.0"
    assert str(Identity()) == "a charger of which nobody says what it is"
