"""One writer per depot: in one process with a clock by hand, and between processes that are paused and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dispatch.api import ApiStations
from dispatch.evidence import Layer
from dispatch.journal import Journal, open_journal
from dispatch.lease import LASTING, holding, this_process
from dispatch.push import together
from dispatch.station import LeaseLostError, Outcome, ProfileFilter
from dispatch.store.leases import Holder, LeaseHeldError, Leases, Writer
from tests.builders import NIGHT
from tests.dispatch.dispatch_builders import NOW, a_plan, a_profile
from tests.dispatch.gateway_builders import TOKEN, a_gateway, a_journal

ROOT = Path(__file__).parents[2]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def journal(store_url: str, tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal(store_url, tmp_path)
    yield journal
    journal.close()


def a_holder(words: str = "depot dispatch", *, writer: Writer = Writer.DISPATCHER) -> Holder:
    return Holder(writer=writer, host="elsewhere", process_id=1, words=words)


def take(journal: Journal, holder: Holder, *, now: datetime = NOW, is_gone: bool = False) -> int:
    leases = Leases(engine=journal.engine)
    return leases.take(holder, now=now, lasting=MINUTE, is_gone=lambda _: is_gone).token


def begin(journal: Journal, token: int | None) -> None:
    leased = replace(journal, lease_token=token)
    leased.begin_command(night=NIGHT, at=NOW, charger_id="CP1", layer=Layer.PLAN, profile=a_profile())


def test_a_second_writer_is_told_who_holds_the_lease_and_since_when(journal: Journal) -> None:
    take(journal, a_holder("depot dispatch (process 7 on north)"))
    with pytest.raises(LeaseHeldError, match=r"process 7 on north\) writes .* since 2025-11-10 18:00:00 UTC"):
        take(journal, a_holder(), now=NOW + timedelta(seconds=59))


def test_a_lease_that_is_not_renewed_ends_and_the_next_one_has_a_higher_token(journal: Journal) -> None:
    first = take(journal, a_holder())
    assert take(journal, a_holder(), now=NOW + MINUTE) > first


def test_a_lease_that_is_renewed_goes_on(journal: Journal) -> None:
    token = take(journal, a_holder())
    assert Leases(engine=journal.engine).renew(token, until=NOW + 3 * MINUTE)
    with pytest.raises(LeaseHeldError):
        take(journal, a_holder(), now=NOW + 2 * MINUTE)


def test_a_lease_whose_process_is_gone_is_free(journal: Journal) -> None:
    take(journal, a_holder())
    assert take(journal, a_holder(), is_gone=True) == 2


def test_a_dispatcher_goes_before_a_gateway_and_not_the_other_way_round(journal: Journal) -> None:
    gateway, dispatcher = a_holder(writer=Writer.GATEWAY), a_holder()
    take(journal, gateway)
    with pytest.raises(LeaseHeldError):
        take(journal, gateway)
    take(journal, dispatcher)
    with pytest.raises(LeaseHeldError):
        take(journal, gateway)


def test_nothing_is_begun_and_no_re_plan_kept_under_an_older_lease(journal: Journal) -> None:
    old = take(journal, a_holder())
    begin(journal, old)
    new = take(journal, a_holder(), now=NOW + MINUTE)
    with pytest.raises(LeaseLostError):
        begin(journal, old)
    with pytest.raises(LeaseLostError):
        replace(journal, lease_token=old).save_plan(a_plan(), kind="replan")
    assert not Leases(engine=journal.engine).renew(old, until=NOW + 3 * MINUTE)
    begin(journal, new)
    assert len(journal.commands()) == 2
    assert journal.latest_plan(NIGHT) is None


def test_a_lease_that_nobody_took_over_is_good_for_writes_after_its_end(journal: Journal) -> None:
    leases = Leases(engine=journal.engine)
    token = take(journal, a_holder())
    assert leases.may_write(token, now=NOW + 2 * MINUTE)
    begin(journal, token)


def test_who_has_no_lease_may_write_only_while_nobody_has_one(journal: Journal) -> None:
    leases = Leases(engine=journal.engine)
    assert leases.may_write(None, now=NOW)
    token = take(journal, a_holder())
    assert not leases.may_write(None, now=NOW)
    leases.end(token, now=NOW)
    assert leases.may_write(None, now=NOW)
    assert not leases.may_write(token + 1, now=NOW)


async def test_a_lease_is_given_back_when_the_work_is_done_or_fails(journal: Journal) -> None:
    me = this_process(Writer.DISPATCHER, "a test")
    async with holding(journal, me):
        with pytest.raises(LeaseHeldError, match="a test"):
            async with holding(journal, me):
                pass
    with suppress(ZeroDivisionError):
        async with holding(journal, me):
            raise ZeroDivisionError
    async with holding(journal, me) as leased:
        assert leased.lease_token == 3


@dataclass(kw_only=True)
class Worker:
    """A process that holds the lease."""

    process: subprocess.Popen[str]

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def write(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@contextmanager
def a_worker(folder: Path, *, lasting_s: float) -> Iterator[Worker]:
    command = [sys.executable, "-m", "tests.dispatch.lease_process", str(folder), str(lasting_s)]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield Worker(process=process)
        finally:
            process.kill()


def test_a_process_that_was_paused_cannot_write_once_another_one_has_begun(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with a_worker(tmp_path, lasting_s=0.5) as paused:
        assert paused.says() == "holds"
        paused.write()
        assert paused.says() == "wrote"
        os.kill(paused.process.pid, signal.SIGSTOP)
        lease = Leases(engine=journal.engine).newest()
        assert lease is not None
        end_of_lease = lease.until + timedelta(seconds=1)  # the time that the pause lasts need not pass
        second = take(journal, a_holder(), now=end_of_lease)
        paused.write()
        os.kill(paused.process.pid, signal.SIGCONT)
        assert paused.says() == f"lost: the lease 1 was lost: {second} was taken after it"
    begin(journal, second)
    assert len(journal.commands()) == 2
    journal.close()


def test_a_process_finds_out_who_is_at_work_and_follows_at_once_when_that_one_is_killed(
    tmp_path: Path,
) -> None:
    lasting_s = LASTING.total_seconds()
    with a_worker(tmp_path, lasting_s=lasting_s) as first:
        assert first.says() == "holds"
        with a_worker(tmp_path, lasting_s=lasting_s) as second:
            assert second.says().startswith(f"refused: a test (process {first.process.pid} on ")
        first.process.kill()
        first.process.wait()
        with a_worker(tmp_path, lasting_s=lasting_s) as third:
            assert third.says() == "holds"


async def test_chargers_that_are_written_to_at_once_say_just_that_the_lease_was_lost() -> None:
    async def lost() -> None:
        raise LeaseLostError("the lease 1 was lost")

    with pytest.raises(LeaseLostError, match="the lease 1 was lost"):
        await together([lost(), lost()])


async def test_a_gateway_lets_changes_through_only_under_the_newest_lease(
    tmp_path: Path, journal: Journal
) -> None:
    async with (
        a_gateway(tmp_path, journal=journal) as gateway,
        ApiStations(gateway.api, token=TOKEN) as stations,
    ):
        profile = a_profile()
        assert (await stations.set_profile("CP1", profile)).outcome is Outcome.NOT_CONNECTED
        async with holding(journal, this_process(Writer.GATEWAY, "a test")) as older:
            with pytest.raises(LeaseLostError, match="no lease of the depot allows to write now"):
                await stations.set_profile("CP1", profile)
            assert older.lease_token is not None
            stations.write_under(older.lease_token)
            assert (await stations.set_profile("CP1", profile)).outcome is Outcome.NOT_CONNECTED
            async with holding(journal, this_process(Writer.DISPATCHER, "another test")):
                for change in (
                    stations.set_profile("CP1", profile),
                    stations.clear_profile("CP1", 7),
                    stations.clear_profiles("CP1", ProfileFilter()),
                    stations.configure("CP1", "HeartbeatInterval", "60"),
                    stations.start_transaction("CP1", connector_id=1, id_tag="TAG1"),
                    stations.reset("CP1"),
                    stations.disconnect("CP1"),
                ):
                    with pytest.raises(LeaseLostError, match="the lease 1 of the depot"):
                        await change
                assert (await stations.live()).chargers
