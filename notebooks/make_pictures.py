"""Draws the README's picture from a sample depot: one night planned, and the same night plugged and charged.

    python notebooks/make_pictures.py [FOLDER]

writes ``night-light.svg`` and ``night-dark.svg`` into FOLDER (``notebooks/pictures`` by default).
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import optimiser as opt
from optimiser import charts, page

HERE = Path(__file__).resolve().parent
DEPOT = HERE.parent / "data" / "parcel-12"
NIGHT = "2025-11-10"
STYLE = Path(page.__file__).parent / "templates" / "page.css.j2"
WORDS = (
    "Power at the site over one night, planned and plugged and charged, against the limit of 43 kW; "
    "the price of energy below."
)


def colours(*, dark: bool) -> dict[str, str]:
    """Every colour of the pictures and what stands for it on a light or a dark page."""
    sets = re.findall(r":root \{(.*?)\}", STYLE.read_text(encoding="utf-8"), flags=re.DOTALL)
    names = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", sets[1 if dark else 0]))
    return {colour: names[name] for colour, name in page.PAGE_COLOURS.items()}


def draw(folder: Path) -> None:
    """Write the pictures into a folder."""
    depot, night = opt.load_depot(DEPOT), opt.load_night(DEPOT, NIGHT)
    plan = opt.plan(depot, night, created_at=datetime(2025, 11, 10, tzinfo=UTC))
    figure = charts.comparison(plan, opt.plug_and_charge(depot, night))
    drawn = charts.to_svg(figure, name="night", description=WORDS)
    for name, dark in (("night-light.svg", False), ("night-dark.svg", True)):
        shown = colours(dark=dark)
        svg = re.sub("|".join(shown), lambda found, shown=shown: shown[found.group()], drawn)  # type: ignore[misc]
        folder.joinpath(name).write_text(svg + "\n", encoding="utf-8")


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "pictures")
