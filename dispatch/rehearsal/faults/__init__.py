"""What can go wrong in a night: one small value per kind of fault, and the file that planners write them in.

A faults file is a YAML list; a line is the fault's word with what it needs::

    - late: {vehicle: V003, minutes: 90}
    - reboot: {charger: CP04, at: 01:30, forgets: true}

Times of day are the depot's, of the night that is rehearsed. What a fault makes true stands in
:mod:`dispatch.rehearsal.applied`, and nowhere else.
"""

from dispatch.rehearsal.faults.base import Fault, line_of
from dispatch.rehearsal.faults.chargers import (
    Behaves,
    ClockOff,
    Foreign,
    HalfApplies,
    Ignores,
    KeepsSome,
    Misreads,
    Offline,
    Reboot,
    Refuses,
    Stale,
    Wake,
)
from dispatch.rehearsal.faults.circumstances import Fleet, Speaks
from dispatch.rehearsal.faults.processes import DispatcherDies, GatewayDies, Silent
from dispatch.rehearsal.faults.reading import KINDS, load_faults
from dispatch.rehearsal.faults.site import BaseLoad, Cut, MeterLost
from dispatch.rehearsal.faults.vehicles import (
    Absent,
    Early,
    Late,
    OtherPhases,
    OtherSoc,
    Sleeps,
    Stranger,
    Swapped,
    WrongBay,
)

__all__ = [
    "KINDS",
    "Absent",
    "BaseLoad",
    "Behaves",
    "ClockOff",
    "Cut",
    "DispatcherDies",
    "Early",
    "Fault",
    "Fleet",
    "Foreign",
    "GatewayDies",
    "HalfApplies",
    "Ignores",
    "KeepsSome",
    "Late",
    "MeterLost",
    "Misreads",
    "Offline",
    "OtherPhases",
    "OtherSoc",
    "Reboot",
    "Refuses",
    "Silent",
    "Sleeps",
    "Speaks",
    "Stale",
    "Stranger",
    "Swapped",
    "Wake",
    "WrongBay",
    "line_of",
    "load_faults",
]
