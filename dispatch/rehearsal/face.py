"""What a planner calls from Python: one night rehearsed in memory, its journal kept to be looked at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path

from dispatch.checked import with_known_chargers
from dispatch.journal import has_journal
from dispatch.rehearsal.faults import load_faults
from dispatch.rehearsal.quiet import quiet
from dispatch.rehearsal.trial import Setting, tried
from dispatch.rehearsal.verdict import Verdict
from optimiser.face import plan
from optimiser.inputs import InputError, Problem, load_folder


def rehearse(
    folder: str | Path, night: date | str, *, store: str, faults: str | Path | None = None
) -> Verdict:
    """Let a night happen against simulated chargers on a virtual clock, with the faults of a YAML file.

    ``store`` is the URL of the journal that the night leaves, a new one such as ``sqlite:////tmp/night.db``; nothing
    is written into the depot folder. The verdict knows what truly happened: ``broken`` names the promises that were
    not kept; :func:`dispatch.load_morning` tells the night as its journal has it. Takes some seconds. ``depot
    rehearse`` does the same over real sockets.

    Raises :class:`optimiser.inputs.InputError` with all that is wrong with folder and faults, or where the store is
    there already.

    >>> from tempfile import mkdtemp
    >>> from dispatch import rehearse
    >>> store = f"sqlite:///{mkdtemp()}/night.db"
    >>> verdict = rehearse("data/parcel-12", "2025-11-10", faults="data/three-faults.yaml", store=store)
    >>> len(verdict.departures), sorted(verdict.broken)
    (12, [])
    """
    if has_journal(store, Path()):
        raise InputError([Problem(where="store", found=store, allowed="the URL of a journal yet to be made")])
    depot, read = load_folder(folder, night)
    known = with_known_chargers(depot)
    always = () if faults is None else load_faults(Path(faults))
    planned = plan(known, read, created_at=read.horizon.start)
    setting = Setting(depot=known, night=read, plan=planned, always=always)
    # A night has a loop of its own, and a notebook is in one already: two cannot run in one thread.
    with quiet(), ThreadPoolExecutor(max_workers=1) as apart:
        return apart.submit(partial(tried, setting, always, store=store)).result()
