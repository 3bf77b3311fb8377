"""From a stack of charging profiles to the limit in force, by OCPP's rules, as step functions in absolute time. Pure.

``course`` knows how one profile runs through time, ``stack`` who leads, ``schedule`` what follows from it in one
unit; ``held`` asks the same of the profiles that the dispatcher itself has put on a charger.
"""

from dispatch.composite.held import (
    DEFAULT_PHASES,
    ORIGIN,
    Limit,
    Segment,
    Timeline,
    effective,
    effective_limit,
    equivalent,
    limit_at,
    limit_of,
    profile_edges,
    timeline,
)
from dispatch.composite.schedule import Composite, CompositePeriod, Station, composite_schedule
from dispatch.composite.stack import Kind, Period, Profile, Purpose, Request, Running, Stack

__all__ = [
    "DEFAULT_PHASES",
    "ORIGIN",
    "Composite",
    "CompositePeriod",
    "Kind",
    "Limit",
    "Period",
    "Profile",
    "Purpose",
    "Request",
    "Running",
    "Segment",
    "Stack",
    "Station",
    "Timeline",
    "composite_schedule",
    "effective",
    "effective_limit",
    "equivalent",
    "limit_at",
    "limit_of",
    "profile_edges",
    "timeline",
]
