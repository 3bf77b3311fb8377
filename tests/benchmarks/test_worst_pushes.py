"""Thousands of pushes under faults: ``python -m pytest tests/benchmarks/test_worst_pushes.py --timeout 3600``."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.test_push_machine import PushUnderFaults

EXAMPLES = 5000


@pytest.mark.timeout(3600)
def test_no_push_of_thousands_lifts_a_depot_above_its_limit() -> None:
    run_state_machine_as_test(
        PushUnderFaults,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{EXAMPLES} pushes with faults, none lifted the depot above its limit")
