from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from optimiser.sweep import prepare
from tests.builders import a_depot, a_night

CHANGES = {"site.transformer_limit_kw": "10:16:2", "tariff.demand_charge_per_kw": "0,21.93"}


@dataclass
class Later:
    """A call that is made when its result is asked for."""

    call: Any

    def result(self) -> Any:
        return self.call()


@dataclass
class OneDesk:
    """A cluster of one: this process."""

    cancelled: list[Any] = field(default_factory=list)

    def scatter(self, data: Any, *, broadcast: bool, hash: bool) -> Any:  # noqa: A002
        del broadcast, hash
        return data

    def map(self, func: Any, *iterables: Iterable[Any], pure: bool, **kwargs: Any) -> list[Later]:
        del pure
        return [Later(partial(func, *each, **kwargs)) for each in zip(*iterables, strict=True)]

    def cancel(self, futures: list[Any]) -> None:
        self.cancelled += futures


def solved(client: Any = None) -> str:
    sweep = prepare(a_depot(), a_night(a_depot()), CHANGES, seeds=0)
    return sweep.solve(cache=None, workers=1, progress=lambda _: None, client=client).to_csv()


def test_a_cluster_gives_the_same_table_to_the_byte() -> None:
    assert solved(OneDesk()) == solved()


def test_a_sweep_that_is_stopped_takes_back_what_is_not_done() -> None:
    desk = OneDesk()
    sweep = prepare(a_depot(), a_night(a_depot()), CHANGES, seeds=0)

    def stop(more: int) -> None:
        if more:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.solve(cache=None, workers=None, progress=stop, client=desk)

    assert len(desk.cancelled) == 8


def test_two_workers_of_dask_give_the_same_table_to_the_byte() -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert solved(client) == solved()
