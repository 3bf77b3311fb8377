"""A depot whose chargers were held against the models that are known. Raises what readers of depot folders raise."""

from __future__ import annotations

from dataclasses import replace

from dispatch.charger import CapabilityError
from dispatch.known import capabilities_of, check_charger
from optimiser.depot import Depot
from optimiser.inputs import InputError, Problem


def check_chargers(depot: Depot) -> None:
    """Raises :class:`InputError` with all that ``depot.yaml`` says wrongly of its chargers' capabilities."""
    problems: list[Problem] = []
    for charger in depot.chargers:
        try:
            check_charger(charger)
        except CapabilityError as error:
            problems += [Problem(**vars(fault)) for fault in error.faults]
    if problems:
        raise InputError(problems)


def with_known_chargers(depot: Depot) -> Depot:
    """The depot with the periods that its chargers' models can hold. Raises what :func:`check_chargers` raises."""
    check_chargers(depot)
    chargers = (replace(one, max_periods=capabilities_of(one).max_periods) for one in depot.chargers)
    return replace(depot, chargers=tuple(chargers))
