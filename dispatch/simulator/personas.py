"""The characters that simulated charge points can be given by name, each taken from real ones that were seen so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dispatch.simulator.persona import ExternalLimit, Persona


@dataclass(frozen=True, kw_only=True)
class Named:
    """A persona, and where such behaviour was seen."""

    persona: Persona
    seen: str


PERSONAS: Mapping[str, Named] = {
    "honest": Named(persona=Persona(), seen="nowhere: keeps to its OCPP version in everything"),
    # What it can take
    "power-only": Named(
        persona=Persona(units=("W",)), seen="MicroOcpp firmware, Huawei SCharger, HomeCharge SECC"
    ),
    "current-only": Named(persona=Persona(units=("A",)), seen="EVerest libocpp, go-e, MicroOcpp as built"),
    "one-slot": Named(
        persona=Persona(max_profiles=1, max_stack_level=0), seen="chargers with stack level 0 only"
    ),
    "phase-switching": Named(persona=Persona(switches_phases=True), seen="Charge Amps Halo, go-e, Alfen Eve"),
    # What it refuses
    "refuses-all": Named(persona=Persona(refuses_profiles=True), seen="Schneider EVlink, switch not set"),
    "refuses-by-error": Named(
        persona=Persona(refuses_by_error=True), seen="MicroOcpp firmware, Autel MaxiCharger"
    ),
    "refuses-tenths": Named(
        persona=Persona(refuses_tenths=True), seen="Open OCPP: multipleOf 0.1 in binary arithmetic"
    ),
    "periods-by-stack-level": Named(
        persona=Persona(counts_periods_by_stack_level=True), seen="Open OCPP 1.5.8"
    ),
    "full-refuses-replacement": Named(
        persona=Persona(full_refuses_replacement=True, max_profiles=3),
        seen="MicroOcpp firmware, EVerest libocpp",
    ),
    "default-only": Named(
        persona=Persona(refused_purposes=frozenset({"station_max", "transaction"})),
        seen="Timxon A0; EVBox Elvi for the station's maximum",
    ),
    "no-relative": Named(persona=Persona(refused_kinds=frozenset({"Relative"})), seen="Easee"),
    "no-absolute": Named(
        persona=Persona(refused_kinds=frozenset({"Absolute"})),
        seen="Wallbox Pulsar, which takes relative ones",
    ),
    "no-zero": Named(persona=Persona(refused_limits="zero"), seen="chargers that end rather than pause"),
    "no-limit-below-minimum": Named(
        persona=Persona(refused_limits="below_minimum"), seen="EN+ Caro, NEcharge Pro, which want 6 A"
    ),
    "no-profile-at-start": Named(persona=Persona(refuses_start_with_profile=True), seen="go-e firmware 56.9"),
    "no-smart-charging": Named(
        persona=Persona(smart_charging=False),
        seen="ABB Terra DC; SAP simulator in 2.0.1, though it says it can",
    ),
    # What it does not answer
    "mute-to-profiles": Named(persona=Persona(never_answers_profiles=True), seen="Timxon A0"),
    "mute-to-unknown": Named(persona=Persona(never_answers_unknown_actions=True), seen="EVerest libocpp"),
    # What it says and does not do
    "does-nothing": Named(
        persona=Persona(accepts_everything=True), seen="a virtual charge point; Grizzl-E 03.09"
    ),
    "ignores-profiles": Named(
        persona=Persona(ignores_profiles=True), seen="an old CHAdeMO prototype; Wallbox Pulsar Pro"
    ),
    "wrong-composite": Named(persona=Persona(composite="wrong"), seen="SAP Mougins DC, Orbis Viaris"),
    "no-composite": Named(persona=Persona(composite="rejected"), seen="Entratek Power Dot, Delta AC Mini"),
    "missing-composite": Named(persona=Persona(composite="missing"), seen="a virtual charge point"),
    "composite-not-rebased": Named(persona=Persona(composite="not_rebased"), seen="SAP simulator 4.11"),
    "negative-composite": Named(persona=Persona(composite="negative"), seen="MicroOcpp firmware"),
    # How it reads
    "offsets-as-utc": Named(persona=Persona(reads_offsets_as_utc=True), seen="MicroOcpp firmware, Open OCPP"),
    "amperes-as-total": Named(
        persona=Persona(reads_amperes_as_total=True), seen="amperes shared by all phases"
    ),
    "phases-as-one": Named(persona=Persona(reads_phases_as_one=True), seen="go-e: numberPhases not read"),
    "station-max-per-connector": Named(
        persona=Persona(station_max_per_connector=True), seen="MicroOcpp firmware"
    ),
    # How it follows
    "slow-to-follow": Named(persona=Persona(settle_s=60.0), seen="EV Switch (EN+); EVerest up to 30 s"),
    "default-ignored-in-session": Named(
        persona=Persona(ignores_default_in_session=True), seen="many, by users of ConnectorIO"
    ),
    "zero-ends-transaction": Named(persona=Persona(zero_ends_transaction=True), seen="Huawei SCharger"),
    # Lost connections and clocks
    "forgets-on-reboot": Named(
        persona=Persona(loses_profiles_on_reboot=True), seen="SAP simulator, Grizzl-E 5.x"
    ),
    "forgets-on-disconnect": Named(
        persona=Persona(loses_profiles_on_disconnect=True), seen="go-e firmware 56.2"
    ),
    "silent-on-reconnect": Named(
        persona=Persona(silent_on_reconnect=True), seen="MicroOcpp firmware, Open OCPP: no boot, no states"
    ),
    "boots-on-reconnect": Named(persona=Persona(boots_on_reconnect=True), seen="Fronius Wattpilot 40.7"),
    "replays-meter-values": Named(
        persona=Persona(replays_meter_values=True), seen="MicroOcpp firmware, Open OCPP, SAP simulator"
    ),
    "clock-behind": Named(
        persona=Persona(clock_skew_s=-90.0), seen="chargers on which a start now is too early"
    ),
    # Others have a say (OCPP 2.0.1)
    "external-limit": Named(
        persona=Persona(external_limit=ExternalLimit(limit_a=8.0, duration_s=900.0)),
        seen="stations with an energy management system of their own",
    ),
    "announces-needs": Named(
        persona=Persona(announces_needs=True), seen="stations with ISO 15118 vehicles on them"
    ),
}
"""Every persona that has a name, in the order in which they are told."""
