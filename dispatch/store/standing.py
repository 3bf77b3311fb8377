"""How far the evidence of every connector stands now, read at once: the last verdict on each rung. Reads only."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from dispatch.evidence import Rung, Verdict
from dispatch.store.tables import EVIDENCE

_OF = EVIDENCE.c.charger_id, EVIDENCE.c.connector_id, EVIDENCE.c.rung
_LAST = sa.select(sa.func.max(EVIDENCE.c.id)).where(EVIDENCE.c.night == sa.bindparam("night")).group_by(*_OF)
_VERDICTS = sa.select(*_OF, EVIDENCE.c.verdict).where(EVIDENCE.c.id.in_(_LAST))


def latest_verdicts(engine: sa.Engine, night: date) -> dict[tuple[str, int], dict[Rung, Verdict]]:
    """The last verdict on every rung that a connector has reached in a night, by charger and connector."""
    found: dict[tuple[str, int], dict[Rung, Verdict]] = {}
    with engine.connect() as connection:
        for row in connection.execute(_VERDICTS, {"night": night}):
            place = (row.charger_id, row.connector_id)
            found.setdefault(place, {})[Rung(row.rung)] = Verdict(row.verdict)
    return found
