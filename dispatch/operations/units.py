"""What keeps a depot running on its machine: systemd units and crontab lines for one folder. Pure.

Two ways to the same end, one of which is enough: units, where the dispatcher runs on and looks again as soon as
somebody plugs in, or lines for cron, tick by tick.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dispatch.operations.texts import for_cron, rendered

TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - named, not used
"""What ``PrivateTmp`` hides."""
PLANNED_AT = "12:05"
"""Local time at which a night is planned, five minutes into it: by then its visits have to be written."""
BACKED_UP_AT = "10:30"
"""Local time of the backup: chargers are at rest, and the night is over."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a depot runs: its folder, the ``depot`` command and the user that runs it; all paths absolute.

    ``sockets``: how many files the gateway may have open.
    """

    folder: Path
    command: Path
    user: str
    depot: str
    timezone: str
    tick_minutes: int
    sockets: int

    @property
    def unit(self) -> str:
        """How the names of its units begin: letters, digits and dashes (systemd.unit(5) allows few others)."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.depot.lower()).strip("-")
        return f"depot-{slug or 'overnight'}"

    @property
    def hides_temporary_files(self) -> bool:
        """Whether nothing of the depot lies where ``PrivateTmp`` would hide it."""
        return not any(
            str(path).startswith(f"{place}/") for path in (self.folder, self.command) for place in TEMPORARY
        )

    def arguments(self, verb: str, *more: str) -> list[str]:
        """A command of this depot."""
        return [str(self.command), verb, str(self.folder), *more]


UNITS = (
    "gateway.service",
    "dispatch.service",
    "plan.service",
    "plan.timer",
    "backup.service",
    "backup.timer",
    "watch.service",
    "watch.timer",
)
"""The units of a depot, each a template."""


FOR_PROMETHEUS = ("grafana-dashboard.json", "alerting-rules.yaml")
"""Files for those who watch the depot with Prometheus and Grafana, the same for every depot."""


def operations_files(machine: Machine) -> dict[str, str]:
    """The text of every unit, of the lines for cron and of the page that explains them, by its path in the folder."""
    units = {template: f"{machine.unit}-{template}" for template in UNITS}
    words = {
        "machine": machine,
        "unit": machine.unit,
        "planned_at": PLANNED_AT,
        "backed_up_at": BACKED_UP_AT,
        "timers": [name for name in units.values() if name.endswith(".timer")],
        "commands": {verb: for_cron(machine.arguments(verb)) for verb in ("gateway", "dispatch", "backup")},
        "plan": for_cron(machine.arguments("plan", "--night")),
    }
    here = Path(__file__).parent
    return {
        **{f"operations/{name}": (here / name).read_text("utf-8") for name in FOR_PROMETHEUS},
        "operations/README.md": rendered("operations.md.j2", **words),
        "operations/crontab": rendered("crontab.j2", **words),
        **{
            f"operations/systemd/{name}": rendered(f"systemd/{template}.j2", **words)
            for template, name in units.items()
        },
    }
