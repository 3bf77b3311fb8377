from __future__ import annotations

import doctest

import numpy as np
import pytest

from optimiser.sweep import values
from optimiser.sweep.values import ValuesError, values_of


def test_the_example_in_the_help_is_true() -> None:
    assert doctest.testmod(values).failed == 0


def test_a_range_has_both_ends_and_tenths_stay_tenths() -> None:
    assert values_of("0:0.5:0.1") == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


def test_a_range_ends_before_its_end_where_no_step_meets_it() -> None:
    assert values_of("100:140:25") == (100.0, 125.0)


def test_numbers_of_numpy_and_ranges_of_python_are_values() -> None:
    assert values_of(np.array([1, 2])) == values_of(range(1, 3)) == values_of((1, 2.0)) == (1.0, 2.0)


@pytest.mark.parametrize(
    "written",
    ["", "1:2", "2:1:1", "1:2:0", "0:1e9:0.1", "a", "nan", "1,inf", [], [None], None, True, [[1]], "1,1"],
)
def test_what_is_no_values_is_refused_with_what_is_allowed(written: object) -> None:
    with pytest.raises(ValuesError) as refused:
        values_of(written)  # type: ignore[arg-type]

    assert refused.value.allowed
