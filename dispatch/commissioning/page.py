"""The protocol of a commissioning as one HTML page. Knows ``templates/commission.html.j2``; the look is shared."""

from __future__ import annotations

from dispatch.commissioning.course import Outcome
from dispatch.commissioning.protocol import QUESTIONS
from optimiser.depot import Commissioned, Depot
from optimiser.horizon import Horizon
from optimiser.page import page_environment


def render(depot: Depot, found: Outcome, commissioned: Commissioned) -> str:
    """The protocol as one HTML text that needs nothing else."""
    horizon = Horizon(start=found.begun, step_s=1, steps=1, timezone=depot.timezone)
    environment = page_environment("dispatch", horizon=horizon, currency=depot.currency)
    return environment.get_template("commission.html.j2").render(
        depot=depot,
        found=found,
        commissioned=commissioned,
        results=found.protocol.in_order(),
        questions=QUESTIONS,
        minutes=round((found.ended - found.begun).total_seconds() / 60.0),
    )
