"""The store on a real SQLite file and a real PostgreSQL server, also with several processes at once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from dispatch.events import Connected, TransactionEnded, TransactionStarted
from dispatch.evidence import Evidence, Layer, Rung, Verdict
from dispatch.journal import Journal, JournalError, open_journal
from dispatch.station import Outcome
from dispatch.store.entries import Message, redacted
from tests.builders import NIGHT
from tests.dispatch.dispatch_builders import NOW, a_plan, a_profile, a_reply, seconds

URL = "sqlite:///depot.db"


def a_start(
    *, charger_id: str = "CP1", transaction_id: int = 1, at: datetime = NOW, meter_start_kwh: float = 5.0
) -> TransactionStarted:
    return TransactionStarted(
        charger_id=charger_id,
        received_at=at,
        connector_id=1,
        transaction_id=transaction_id,
        id_tag="TAG-V1",
        at=at,
        meter_start_kwh=meter_start_kwh,
    )


def an_end(*, charger_id: str = "CP1", transaction_id: int = 1) -> TransactionEnded:
    return TransactionEnded(
        charger_id=charger_id, received_at=NOW, transaction_id=transaction_id, at=NOW, meter_stop_kwh=9.0
    )


@pytest.fixture
def journal(store_url: str, tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal(store_url, tmp_path)
    yield journal
    journal.close()


def frames(journal: Journal) -> list[str]:
    with journal.engine.connect() as connection:
        return list(connection.scalars(sa.text("select frame from messages order by id")))


def record(journal: Journal, frame: str, *, at: datetime = NOW) -> None:
    message = Message(at=at, charger_id="CP1", direction="in", action=None, message_id="1", frame=frame)
    journal.record([message])


def send(
    journal: Journal,
    limit_a: float,
    outcome: Outcome | None,
    *,
    profile_id: int = 11,
    charger_id: str = "CP1",
    at: datetime = NOW,
) -> int:
    command_id = journal.begin_command(
        night=NIGHT,
        at=at,
        charger_id=charger_id,
        layer=Layer.PLAN,
        profile=a_profile(profile_id=profile_id, limits=[(0, limit_a)]),
    )
    if outcome is not None:
        journal.finish_command(command_id, a_reply(outcome, at=NOW + seconds(1)))
    return command_id


def test_a_store_is_a_file_beside_depot_yaml_in_wal_mode_with_foreign_keys(tmp_path: Path) -> None:
    journal = open_journal(URL, tmp_path)
    assert (tmp_path / "depot.db").exists()
    with journal.engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    journal.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_a_store_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"store sqlite:///no/such/folder/depot\.db"):
        open_journal("sqlite:///no/such/folder/depot.db", tmp_path)
    with pytest.raises(JournalError, match="store depot"):
        open_journal("depot.db", tmp_path)


def test_a_raw_message_is_kept_as_it_came(journal: Journal) -> None:
    frame = '[2, "7", "Heartbeat",   {}]'
    record(journal, frame)
    assert frames(journal) == [frame]


def test_an_authorization_key_never_reaches_the_store(journal: Journal) -> None:
    record(journal, '[2,"7","ChangeConfiguration",{"key":"AuthorizationKey","value":"c0ffee"}]')
    record(
        journal, '[3,"7",{"configurationKey":[{"key":"authorizationkey","readonly":false,"value":"c0ffee"}]}]'
    )
    record(journal, '[2,"7","ChangeConfiguration",{"key":"AuthorizationKey","value":"c0ffee"')
    assert not any("c0ffee" in frame for frame in frames(journal))
    assert '"value":"<redacted>"' in frames(journal)[0]


def test_other_values_beside_a_secret_are_kept() -> None:
    frame = '[3,"7",{"configurationKey":[{"key":"AuthorizationKey","value":"x"},{"key":"A","value":"1"}]}]'
    assert '{"key":"A","value":"1"}' in redacted(frame)


def test_events_come_back_as_they_were_and_can_be_narrowed_down(journal: Journal) -> None:
    connected = Connected(charger_id="CP1", received_at=NOW, subprotocol="ocpp1.6")
    started = a_start(at=NOW + timedelta(minutes=1))
    for event in (connected, started):
        journal.record([event])
    assert journal.events() == [connected, started]
    assert journal.events(since=NOW + seconds(1)) == [started]
    assert journal.events(kinds=["connected"]) == [connected]


def test_an_instant_is_stored_in_utc_whatever_its_offset_and_never_without_one(journal: Journal) -> None:
    berlin = timezone(timedelta(hours=1))
    record(journal, "[]", at=NOW.astimezone(berlin))
    with journal.engine.connect() as connection:
        stored = connection.scalar(sa.text("select cast(at as varchar) from messages"))
    assert str(stored).startswith("2025-11-10 18:00:00")
    with pytest.raises(sa.exc.StatementError, match="without offset"):
        record(journal, "[]", at=NOW.replace(tzinfo=None))


def test_a_transaction_is_open_until_its_end_on_the_same_charger(journal: Journal) -> None:
    first, second = a_start(transaction_id=1), a_start(transaction_id=2)
    journal.record([first])
    journal.record([second])
    journal.record([an_end(transaction_id=1, charger_id="CP2")])
    assert journal.open_transactions() == [first, second]
    journal.record([an_end(transaction_id=1)])
    assert journal.open_transactions() == [second]


def test_transaction_ids_start_at_one_and_are_never_given_twice(
    journal: Journal, store_url: str, tmp_path: Path
) -> None:
    assert [journal.next_transaction_id() for _ in range(3)] == [1, 2, 3]
    journal.close()
    again = open_journal(store_url, tmp_path)
    assert again.next_transaction_id() == 4
    again.close()


def test_a_start_that_is_sent_again_is_found_by_its_facts(journal: Journal) -> None:
    start = a_start()
    journal.record([start])

    def find(at: datetime) -> TransactionStarted | None:
        return journal.find_transaction(
            charger_id="CP1", connector_id=1, id_tag="TAG-V1", at=at, meter_start_kwh=5.0
        )

    assert find(NOW) == start
    assert find(NOW + seconds(1)) is None


def test_the_latest_plan_may_be_a_replan_and_the_base_plan_never_is(journal: Journal) -> None:
    assert journal.latest_plan(NIGHT) is None
    plan = a_plan(power_kw={"V1": {40: 11.04}})
    replan = replace(plan, created_at=NOW + timedelta(hours=1))
    journal.save_plan(plan)
    journal.save_plan(replan, kind="replan")
    assert journal.latest_plan(NIGHT) == replan
    assert journal.base_plan(NIGHT) == plan
    assert journal.latest_plan(NIGHT - timedelta(days=1)) is None


def test_a_replan_refers_to_the_plan_it_replaces(journal: Journal) -> None:
    for kind in ("plan", "replan"):
        journal.save_plan(a_plan(), kind=kind)
    with journal.engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(sa.text("select id, kind, base_id from plans"))]
    assert rows == [(1, "plan", None), (2, "replan", 1)]


def test_a_command_is_there_before_it_is_answered_and_a_crash_leaves_it_unanswered(
    journal: Journal, store_url: str, tmp_path: Path
) -> None:
    command_id = send(journal, 10.0, None)
    journal.close()
    again = open_journal(store_url, tmp_path)
    (command,) = again.ledger(since=NOW).unanswered("CP1")
    again.close()
    assert (command.id, command.outcome, command.answered_at) == (command_id, None, None)
    assert command.at == NOW
    assert command.at.tzinfo == UTC


def test_installed_is_the_last_accepted_profile_of_every_id(journal: Journal) -> None:
    send(journal, 16.0, Outcome.ACCEPTED)
    send(journal, 10.0, Outcome.ACCEPTED)
    send(journal, 8.0, Outcome.REFUSED)
    send(journal, 6.0, Outcome.ACCEPTED, profile_id=12)
    installed = journal.installed("CP1")
    assert [(profile.profile_id, profile.periods[0].limit) for profile, _ in installed] == [
        (11, 10.0),
        (12, 6.0),
    ]
    assert journal.installed("CP2") == []


def test_what_was_not_answered_stays_in_doubt_until_its_slot_is_accepted_again(journal: Journal) -> None:
    send(journal, 10.0, Outcome.NO_ANSWER)
    send(journal, 9.0, Outcome.NOT_CONNECTED)
    send(journal, 8.0, Outcome.REFUSED)
    assert [c.profile.periods[0].limit for c in journal.ledger(since=NOW).unanswered("CP1")] == [10.0]
    send(journal, 8.0, Outcome.ACCEPTED)
    assert list(journal.ledger(since=NOW).unanswered("CP1")) == []


def test_the_ledger_has_of_every_charger_what_it_should_hold_and_what_is_in_doubt(journal: Journal) -> None:
    send(journal, 16.0, Outcome.ACCEPTED)
    accepted = send(journal, 10.0, Outcome.ACCEPTED)
    refused = send(journal, 8.0, Outcome.REFUSED)
    doubtful = send(journal, 9.0, Outcome.NO_ANSWER, profile_id=12)
    other = send(journal, 7.0, Outcome.ACCEPTED, charger_id="CP2", at=NOW + timedelta(hours=1))
    ledger = journal.ledger(since=NOW + seconds(1))
    assert [command.id for command in ledger.installed("CP1")] == [accepted]
    assert [command.id for command in ledger.unanswered("CP1")] == [doubtful]
    assert [command.id for command in ledger.installed("CP2")] == [other]
    assert list(ledger.unanswered("CP2")) == list(ledger.installed("CP3")) == []
    assert list(ledger.recent("CP1")) == []
    assert [command.id for command in ledger.recent("CP2")] == [other]
    assert journal.ledger(since=NOW).recent("CP1")[2].id == refused


def test_a_ledger_is_of_the_moment_at_which_it_was_read(journal: Journal) -> None:
    ledger = journal.ledger(since=NOW)
    send(journal, 16.0, Outcome.ACCEPTED)
    assert list(ledger.installed("CP1")) == []


def test_an_answer_and_what_it_proves_are_written_together_or_not_at_all(journal: Journal) -> None:
    command_id = send(journal, 10.0, None)
    orphan = Evidence(
        night=NIGHT, at=NOW, charger_id="CP1", connector_id=1, rung=Rung.ACCEPTED,
        verdict=Verdict.CONFIRMED, command_id=99,
    )  # fmt: skip
    with pytest.raises(sa.exc.IntegrityError):
        journal.finish_command(command_id, a_reply(Outcome.ACCEPTED, at=NOW), evidence=[orphan])
    assert [command.id for command in journal.ledger(since=NOW).unanswered("CP1")] == [command_id]
    journal.finish_command(
        command_id, a_reply(Outcome.ACCEPTED, at=NOW), evidence=[replace(orphan, command_id=command_id)]
    )
    assert [command.id for command in journal.ledger(since=NOW).installed("CP1")] == [command_id]
    assert [evidence.command_id for evidence in journal.evidence(NIGHT)] == [command_id]


def test_of_messages_and_events_that_come_together_all_are_kept_or_none(journal: Journal) -> None:
    message = Message(at=NOW, charger_id="CP1", direction="in", action=None, message_id="1", frame="[]")
    with pytest.raises(sa.exc.StatementError, match="without offset"):
        journal.record([message, a_start().model_copy(update={"received_at": NOW.replace(tzinfo=None)})])
    assert frames(journal) == []
    journal.record([message, a_start()])
    assert frames(journal) == ["[]"]
    assert journal.events() == [a_start()]


def test_evidence_comes_back_as_it_was(journal: Journal) -> None:
    evidence = Evidence(
        night=NIGHT,
        at=NOW,
        charger_id="CP1",
        connector_id=1,
        rung=Rung.READ_BACK,
        verdict=Verdict.CONFIRMED,
        detail="as planned",
        message_id="m-7",
        command_id=send(journal, 10.0, Outcome.ACCEPTED),
    )
    journal.add_evidence(evidence)
    assert journal.evidence(NIGHT) == [evidence]


def test_evidence_for_a_command_that_does_not_exist_is_rejected(journal: Journal) -> None:
    orphan = Evidence(
        night=NIGHT, at=NOW, charger_id="CP1", connector_id=1, rung=Rung.SENT,
        verdict=Verdict.CONFIRMED, command_id=99,
    )  # fmt: skip
    with pytest.raises(sa.exc.IntegrityError):
        journal.add_evidence(orphan)


def take_ids(store_url: str, folder: str, count: int, ids: multiprocessing.Queue[list[int]]) -> None:
    journal = open_journal(store_url, Path(folder))
    taken = []
    for _ in range(count):
        record(journal, "[]")
        taken.append(journal.next_transaction_id())
    journal.close()
    ids.put(taken)


def test_three_processes_that_open_and_write_at_once_lose_nothing(store_url: str, tmp_path: Path) -> None:
    spawning = multiprocessing.get_context("spawn")
    ids: multiprocessing.Queue[list[int]] = spawning.Queue()
    processes = [
        spawning.Process(target=take_ids, args=(store_url, str(tmp_path), 20, ids)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    taken = sorted(number for _ in processes for number in ids.get(timeout=60))
    for process in processes:
        process.join(timeout=30)
    assert taken == list(range(1, 61))
    journal = open_journal(store_url, tmp_path)
    assert len(frames(journal)) == 60
    journal.close()
