"""The picture of a stack on a terminal."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len

from dispatch.preview import draw
from tests.dispatch.preview_builders import DAY, HOUR, a_profile, a_question, read


def lines(question: Any, *, width: int = 100) -> list[str]:
    return list(draw(read(question), width=width))


def test_each_profile_is_a_bar_and_the_leading_one_is_marked() -> None:
    low = a_profile(limits=[(0, 6)])
    high = a_profile(level=1, limits=[(0, 32)], duration=12 * HOUR, profile_id=2)
    maximum = a_profile("StationMax", limits=[(0, 16)], profile_id=3)
    drawn = lines(a_question(low, high, maximum), width=91)
    assert drawn[0] == "EVSE or connector 1 from 2025-11-10 12:00:00 UTC for 1 day, 0:00:00"
    first = drawn[4].index("█")
    half = (len(drawn[4]) - first) // 2
    below, above, ceiling = (line[first:] for line in drawn[1:4])
    assert below == "░" * half + "█" * half
    assert above == "▒" * half
    assert ceiling == "█" * half + "▒" * half


def test_the_effective_line_and_its_periods_stand_below() -> None:
    drawn = lines(
        a_question(a_profile(limits=[(0, 16), (6 * HOUR, 4)], duration=12 * HOUR), duration=DAY), width=104
    )
    effective = next(line for line in drawn if line.startswith("effective limit [A]"))
    heights = effective.split("  ")[-1].strip()
    assert heights[0] == "█"
    assert heights[len(heights) // 4] in "▂▃"
    assert heights[-1] == "∞"
    assert drawn[-3:] == [
        "2025-11-10 12:00:00  16 A",
        "2025-11-10 18:00:00  4 A",
        "2025-11-11 00:00:00  no limit",
    ]


def test_hours_stand_below_the_bars_where_they_are() -> None:
    drawn = lines(a_question(a_profile()), width=140)
    effective = next(line for line in drawn if line.startswith("effective"))
    marks = drawn[drawn.index(effective) + 1]
    columns = len(effective) - effective.index("█")
    at = marks.index("18:00") - effective.index("█")
    assert abs(at - columns / 4) <= 1
    assert marks.split()[0] == "12:00"


def test_the_default_is_named_and_long_answers_are_cut() -> None:
    station = {"defaultLimitA": 48}
    assert lines(a_question(station=station))[-1] == "2025-11-10 12:00:00  48 A (the station's default)"
    many = a_profile(limits=[(60 * i, 6 + i % 2) for i in range(200)], phases=1)
    drawn = lines(a_question(many))
    assert drawn[-1] == "… and 152 more periods: --json tells all"
    assert "2025-11-10 12:00:00  6 A on 1 phase" in drawn


def test_a_picture_keeps_to_its_width_and_draws_any_question() -> None:
    for duration in (0, 1, 30, HOUR, DAY, 40 * DAY):
        for evse in (0, 1):
            drawn = lines(a_question(a_profile(evse=0), a_profile("TxProfile"), evse=evse, duration=duration))
            assert max(cell_len(line) for line in drawn) <= 100
