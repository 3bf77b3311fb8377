"""What may be removed from a charger, and never at the price of a limit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.audit.clearing import Clearing, changes, clearable, counted, edges, obstacle
from dispatch.audit.facts import ChargerFacts, stack_on
from dispatch.audit.findings import audit
from dispatch.charger import Capabilities
from dispatch.decide import Room
from dispatch.safety import SLACK, Bottleneck, Draw, Exposure, Place, exposure
from dispatch.station import Purpose, StationProfile
from tests.dispatch.audit_builders import HOUR, a_command, a_look, some_facts, the_floor, the_plan
from tests.dispatch.dispatch_builders import NOW, a_composite_reply, a_profile

INSTANTS = [NOW, NOW + HOUR, NOW + 2 * HOUR]
HERE = Place("CP1", 1)


def foreign(profile_id: int = 999, *, stack_level: int = 7, limit: float = 6.0) -> StationProfile:
    return a_profile(profile_id=profile_id, stack_level=stack_level, limits=[(0, limit)])


def removable(facts: ChargerFacts) -> list[tuple[int | None, Purpose | None, int | None]]:
    return [
        (one.profile_id, None, None)
        if one.wanted is None
        else (None, one.wanted.purpose, one.wanted.stack_level)
        for one in clearable(facts, audit(facts))
    ]


def a_room(allowed_kw: float, *, places: Sequence[Place] = (HERE,)) -> Room:
    bottleneck = Bottleneck(
        name="transformer",
        measure="kw",
        limit=allowed_kw,
        carries_base_load=True,
        places=frozenset(places),
    )
    return Room(bottleneck=bottleneck, allowed=np.full(len(INSTANTS), allowed_kw))


def why_not(facts: ChargerFacts, clearing: Clearing, *, allowed_kw: float, known_kw: float) -> str:
    """What stands in the way while the connector is counted at a power, as far as is known of it."""
    known = Exposure(kw=np.full(3, known_kw), phase_a=np.full(3, known_kw / 0.69))
    return obstacle(
        changes(facts, clearing, INSTANTS),
        counted({HERE: known}, [facts], INSTANTS),
        [a_room(allowed_kw)],
        instants=INSTANTS,
        zone=facts.zone,
    )


def test_what_is_foreign_is_removed_by_id_and_never_what_is_ours_or_from_outside() -> None:
    taken = the_plan().model_copy(update={"stack_level": 6})
    outside = a_profile(profile_id=5, connector_id=0, purpose=Purpose.EXTERNAL)
    facts = some_facts(listed=[the_floor(), taken, outside, foreign(), foreign(998, stack_level=6)])
    assert removable(facts) == [(998, None, None), (999, None, None)]


def test_of_ours_only_what_is_neither_wanted_nor_in_the_ledger_is_removed() -> None:
    override = a_profile(profile_id=13, purpose=Purpose.TX, transaction_id="gone")
    facts = some_facts(
        listed=[the_floor(), the_plan(limit=10.0), override],
        commands=[a_command(the_plan(limit=10.0)), a_command(override)],
    )
    assert removable(facts) == [(13, None, None)]


def test_a_connector_that_the_depot_does_not_have_is_left_alone() -> None:
    elsewhere = foreign().model_copy(update={"connector_id": 4})
    assert removable(some_facts(listed=[the_floor(), the_plan(), elsewhere])) == []


def test_without_a_list_what_leads_goes_last_and_the_levels_of_ours_are_spared() -> None:
    shown = a_composite_reply([(0, 6.0)], duration_s=7200)
    look = a_look(read_back=shown, habits=Capabilities(max_stack_level=3))
    levels = [(None, Purpose.TX_DEFAULT, level) for level in range(2, 9)]
    assert removable(some_facts(look)) == [
        *levels,
        (None, Purpose.TX, None),
        (None, Purpose.STATION_MAX, None),
    ]


def test_a_sessions_profile_of_ours_spares_all_of_its_purpose() -> None:
    override = a_profile(profile_id=13, purpose=Purpose.TX, transaction_id=7, limits=[(0, 10.0)])
    shown = a_composite_reply([(0, 6.0)], duration_s=7200)
    look = a_look(wanted=[the_floor(), the_plan(), override], read_back=shown, transaction_id=7)
    assert Purpose.TX not in {purpose for _, purpose, _ in removable(some_facts(look))}


def test_a_removal_that_lays_our_own_limits_bare_is_counted_at_them() -> None:
    facts = some_facts(listed=[the_floor(), the_plan(), foreign(limit=0.0)])
    (clearing,) = clearable(facts, audit(facts))
    assert why_not(facts, clearing, allowed_kw=8.5, known_kw=8.28) == ""
    assert why_not(facts, clearing, allowed_kw=8.0, known_kw=8.28) == (
        "at 19:00 the transformer could reach 8.3 of 8.0 kW for charging"
    )


def test_a_removal_that_lays_nothing_bare_is_counted_at_full_power() -> None:
    facts = some_facts(listed=[foreign()])
    (clearing,) = clearable(facts, audit(facts))
    assert "11.0 of 11.0 kW" in why_not(facts, clearing, allowed_kw=11.0, known_kw=4.14)
    assert why_not(facts, clearing, allowed_kw=11.1, known_kw=4.14) == ""


def test_a_removal_that_only_lowers_is_allowed_above_the_limit() -> None:
    facts = some_facts(listed=[the_floor(), the_plan(), foreign(limit=16.0)])
    (clearing,) = clearable(facts, audit(facts))
    assert why_not(facts, clearing, allowed_kw=1.0, known_kw=11.04) == ""


def test_half_a_list_and_no_list_are_counted_at_full_power() -> None:
    shown = a_composite_reply([(0, 6.0)], duration_s=7200)
    half = some_facts(listed=[the_floor(), the_plan(), foreign()], is_whole=False)
    none = some_facts(a_look(read_back=shown))
    for facts in (half, none):
        clearing = clearable(facts, audit(facts))[0]
        assert "11.0 of 9.0 kW" in why_not(facts, clearing, allowed_kw=9.0, known_kw=8.28)


def test_without_a_list_what_shows_full_power_can_only_be_lowered() -> None:
    shown = a_composite_reply([(0, 16.0)], duration_s=3 * 3600)
    facts = some_facts(a_look(read_back=shown))
    clearing = clearable(facts, audit(facts))[0]
    assert why_not(facts, clearing, allowed_kw=1.0, known_kw=11.04) == ""


def test_a_maximum_of_the_station_concerns_all_of_its_connectors() -> None:
    cap = a_profile(profile_id=999, connector_id=0, purpose=Purpose.STATION_MAX, limits=[(0, 6.0)])
    facts = some_facts(a_look(), a_look(2), listed=[the_floor(), the_plan(), the_floor(2), the_plan(2), cap])
    (clearing,) = clearable(facts, audit(facts))
    changed = changes(facts, clearing, INSTANTS)
    assert set(changed) == {HERE, Place("CP1", 2)}
    assert all(change.lowest.kw.tolist() == [0.0, 0.0, 0.0] for change in changed.values())


limits_a = st.sampled_from([0.0, 6.0, 10.0, 16.0, 32.0])


@st.composite
def strangers(draw: st.DrawFn) -> list[StationProfile]:
    """Foreign profiles in any place of the stack, for any time."""
    made = []
    for profile_id in range(900, 900 + draw(st.integers(1, 4))):
        purpose = draw(st.sampled_from([Purpose.TX_DEFAULT, Purpose.TX, Purpose.STATION_MAX]))
        connector_id = 0 if purpose is Purpose.STATION_MAX else draw(st.sampled_from([0, 1]))
        begin = NOW + draw(st.sampled_from([-3, 0, 1])) * HOUR
        end = draw(st.sampled_from([None, begin + timedelta(minutes=90)]))
        is_tx = purpose is Purpose.TX
        made.append(
            a_profile(
                profile_id=profile_id,
                connector_id=1 if is_tx else connector_id,
                purpose=purpose,
                stack_level=draw(st.integers(0, 8)),
                start=begin,
                valid_from=begin,
                valid_to=end,
                limits=[(0, draw(limits_a)), (1800, draw(limits_a))],
                transaction_id="T1" if is_tx else None,
            )
        )
    return made


@settings(max_examples=150, deadline=None)
@given(strangers(), st.sets(st.sampled_from([11, 12])), st.floats(1.0, 12.0), st.booleans())
def test_no_removal_that_is_allowed_lifts_a_connector_above_what_there_is_room_for(
    others: list[StationProfile],
    lost: set[int],
    allowed_kw: float,
    is_charging: bool,  # noqa: FBT001
) -> None:
    look = a_look(transaction_id="T1" if is_charging else None)
    ours = [p for p in (the_floor(), the_plan()) if p.profile_id not in lost]
    facts = some_facts(look, listed=[*ours, *others])
    instants = sorted({NOW, *(edge for edge in edges(facts) if edge > NOW)})
    nothing = Exposure.constant(Draw(kw=0.0, phase_a=0.0), len(instants))
    room = Room(bottleneck=a_room(allowed_kw).bottleneck, allowed=np.full(len(instants), allowed_kw))
    for clearing in clearable(facts, audit(facts)):
        why = obstacle(
            changes(facts, clearing, instants),
            counted({HERE: nothing}, [facts], instants),
            [room],
            instants=instants,
            zone=facts.zone,
        )
        if why:
            continue
        left = [one for one in facts.listed or () if one.profile_id != clearing.profile_id]
        stack, rest = stack_on(facts.listed or (), 1), stack_on(left, 1)
        assert stack is not None
        assert rest is not None
        for transaction_id in {look.transaction_id, None}:
            before, after = (
                exposure(
                    look.wiring,
                    # Each session by itself: who is there later is somebody else.
                    [p for p in held if transaction_id or p.purpose is not Purpose.TX],
                    transaction_id=transaction_id,
                    instants=instants,
                )
                for held in (stack, rest)
            )
            rises = after.kw > before.kw + SLACK
            assert not (rises & (after.kw > allowed_kw + SLACK)).any()
