"""What stays of a depot folder: depot.yaml, vehicles.csv, charge_curves.csv and the references between them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import ValidationError

from optimiser.depot import ChargeCurve, Charger, Depot, HorizonSettings, Vehicle
from optimiser.inputs.commissioned import with_commissioned
from optimiser.inputs.files import Folder, Row, closest, did_you_mean, shown_value
from optimiser.inputs.rows import CurveRow, VehicleRow, checked_rows, table_of
from optimiser.inputs.rules import check_rules, rules_say
from optimiser.inputs.schema import DepotKeys, HorizonKeys
from optimiser.inputs.tariffs import check_tariff
from optimiser.inputs.translate import problems_of
from optimiser.inputs.trees import Path, Tree, items_of, mapping_of, part_of, read_tree


@dataclass(frozen=True, kw_only=True)
class KnownDepot:
    """What a night can be checked against, also where parts of the depot are wrong (these are None).

    ``connectors`` by charger id and ``vehicle_ids`` hold all that are named, the wrong ones too, so that one
    mistake is not reported as two. ``depot`` is there when nothing at all is wrong with it. ``rules_say_soc``: some
    rule says what vehicles leave with.
    """

    timezone: str | None
    horizon: HorizonSettings | None
    connectors: Mapping[str, frozenset[int]] | None
    vehicle_ids: frozenset[str] | None
    has_bands: bool
    depot: Depot | None
    rules_say_soc: bool = False


def read_depot(folder: Folder) -> KnownDepot:
    """The depot of a folder as far as it can be read; every problem is noted in the folder."""
    tree = read_tree(folder, "depot.yaml")
    keys = timezone = horizon = None
    if tree is not None:
        keys = _validated(folder, tree)
        timezone = _check_timezone(folder, tree)
        _check_feeders(folder, tree)
        _check_chargers(folder, tree)
        horizon = part_of(HorizonKeys, tree.value.get("horizon", {}))
        check_tariff(folder, tree, step_minutes=None if horizon is None else horizon.step_minutes)
    vehicle_ids, vehicles = _read_vehicles(folder)
    if tree is not None:
        rules = [(("rules", i), rule) for i, rule in items_of(tree.value.get("rules"))]
        check_unique(
            folder,
            (
                (tree.place((*path, "id")), rule["id"])
                for path, rule in rules
                if isinstance(rule.get("id"), str)
            ),
        )
        check_rules(
            folder,
            tree,
            vehicle_types={vehicle.vehicle_type for vehicle in vehicles} - {""},
            groups={vehicle.group for vehicle in vehicles} - {""},
        )
    chargers = () if keys is None else with_commissioned(folder, (one.to_domain() for one in keys.chargers))
    return KnownDepot(
        timezone=timezone,
        horizon=None if horizon is None else horizon.to_domain(),
        connectors=None if tree is None else _connector_ids(tree),
        vehicle_ids=vehicle_ids,
        has_bands=tree is None or bool(mapping_of(tree.value.get("tariff")).get("bands")),
        depot=None if keys is None or folder.problems else _depot(keys, chargers, vehicles),
        rules_say_soc=rules_say(tree, "required_soc_percent"),
    )


def _depot(keys: DepotKeys, chargers: tuple[Charger, ...], vehicles: tuple[Vehicle, ...]) -> Depot:
    return Depot(
        name=keys.name,
        timezone=keys.timezone,
        currency=keys.currency,
        site=keys.site.to_domain(),
        chargers=chargers,
        vehicles=vehicles,
        feeders=tuple(feeder.to_domain() for feeder in keys.feeders),
        tariff=keys.tariff.to_domain(),
        horizon=keys.horizon.to_domain(),
        policy=keys.policy.to_domain(),
        gateway=keys.gateway.to_domain(),
        alerts=keys.alerts.to_domain(),
        store=keys.store,
        rules=tuple(rule.to_domain() for rule in keys.rules),
    )


def _validated(folder: Folder, tree: Tree) -> DepotKeys | None:
    try:
        return DepotKeys.model_validate(tree.value)
    except ValidationError as error:
        unreadable = {problem.where for problem in folder.problems}
        problems = problems_of(error, DepotKeys, place=tree.place)
        folder.problems.extend(problem for problem in problems if problem.where not in unreadable)
        return None


def check_unique(folder: Folder, named: Iterable[tuple[str, Hashable]]) -> None:
    """Notes every name that stands a second time, at its place."""
    first: dict[Hashable, str] = {}
    for place, name in named:
        if name in first:
            folder.complain(
                place,
                found=f"{shown_value(name)} again (first at {first[name]})",
                allowed="each name once",
            )
        else:
            first[name] = place


def _check_timezone(folder: Folder, tree: Tree) -> str | None:
    name = tree.value.get("timezone")
    if not isinstance(name, str) or not name:
        return None
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = closest(name, available_timezones())
        folder.complain(
            tree.place(("timezone",)),
            found=shown_value(name),
            allowed="an IANA time zone such as Europe/Berlin" + (f" (did you mean {hint}?)" if hint else ""),
        )
        return None
    return name


def _check_feeders(folder: Folder, tree: Tree) -> None:
    feeders = [
        (("feeders", i), f) for i, f in items_of(tree.value.get("feeders")) if isinstance(f.get("id"), str)
    ]
    ids = [feeder["id"] for _, feeder in feeders]
    check_unique(folder, ((tree.place((*path, "id")), feeder["id"]) for path, feeder in feeders))
    chargers = [(("chargers", i), c) for i, c in items_of(tree.value.get("chargers"))]
    for key, users in (("parent", feeders), ("feeder", chargers)):
        for path, user in users:
            name = user.get(key)
            if isinstance(name, str) and name not in ids:
                folder.complain(
                    tree.place((*path, key)),
                    found=f"the unknown feeder {shown_value(name)}",
                    allowed=did_you_mean(closest(name, ids), ids),
                )
    _check_cycles(folder, tree, {feeder["id"]: (path, feeder.get("parent")) for path, feeder in feeders})


def _check_cycles(folder: Folder, tree: Tree, feeders: Mapping[str, tuple[Path, object]]) -> None:
    seen: set[str] = set()
    for start in feeders:
        route: list[str] = []
        at: object = start
        while isinstance(at, str) and at in feeders and at not in seen:
            seen.add(at)
            route.append(at)
            at = feeders[at][1]
        if isinstance(at, str) and at in route:
            circle = [*route[route.index(at) :], at]
            folder.complain(
                tree.place((*feeders[at][0], "parent")),
                found=f"the circle {' → '.join(map(shown_value, circle))}",
                allowed="a tree: every feeder ends at the transformer",
            )


def _check_chargers(folder: Folder, tree: Tree) -> None:
    chargers = [(("chargers", i), c) for i, c in items_of(tree.value.get("chargers"))]
    check_unique(
        folder,
        ((tree.place((*path, "id")), c["id"]) for path, c in chargers if isinstance(c.get("id"), str)),
    )
    for path, charger in chargers:
        check_unique(
            folder,
            (
                (tree.place((*path, "connectors", i, "id")), connector["id"])
                for i, connector in items_of(charger.get("connectors"))
                if isinstance(connector.get("id"), int)
            ),
        )


def _connector_ids(tree: Tree) -> dict[str, frozenset[int]]:
    """Connectors by charger; none where their ids are wrong themselves, for then a visit cannot be blamed."""
    connectors: dict[str, list[object]] = {}
    for _, charger in items_of(tree.value.get("chargers")):
        if isinstance(charger.get("id"), str):
            ids = [connector.get("id") for _, connector in items_of(charger.get("connectors"))]
            connectors.setdefault(charger["id"], []).extend(ids)
    return {
        charger_id: frozenset(good) if len(set(good)) == len(ids) else frozenset()
        for charger_id, ids in connectors.items()
        for good in [[i for i in ids if isinstance(i, int) and i >= 1]]
    }


def _read_vehicles(folder: Folder) -> tuple[frozenset[str] | None, tuple[Vehicle, ...]]:
    """The ids of all vehicles that are named, and the vehicles whose rows are good."""
    curves = _read_curves(folder)
    table = table_of(folder, "vehicles.csv", VehicleRow)
    if table is None:
        return None, ()
    rows = [*table.rows, *table.broken_rows]
    named = [(row, row.cells["vehicle_id"]) for row in rows if "vehicle_id" in row.cells]
    check_unique(folder, ((table.place(row.line, "vehicle_id"), name) for row, name in named))
    # OCPP's id tags are case-insensitive (CiString20Type).
    tags = [(row, row.cells["id_tag"].upper()) for row in table.rows if "id_tag" in row.cells]
    check_unique(folder, ((table.place(row.line, "id_tag"), tag) for row, tag in tags))
    vehicles = []
    for row, cells in checked_rows(folder, table, VehicleRow):
        if cells.max_ac_current_a > 0 and cells.ac_phases == 0:
            folder.complain(
                table.place(row.line, "ac_phases"),
                found=f"0 with max_ac_current_a {cells.max_ac_current_a:g}",
                allowed="1, 2 or 3, or max_ac_current_a 0",
            )
        if cells.charge_curve is not None and cells.charge_curve not in curves:
            names = list(curves)
            folder.complain(
                table.place(row.line, "charge_curve"),
                found=f"the unknown curve {shown_value(cells.charge_curve)}",
                allowed=f"a curve of charge_curves.csv: {did_you_mean(closest(cells.charge_curve, names), names)}",
            )
        keys = cells.model_dump(exclude={"vehicle_id", "charge_curve"}, exclude_none=True)
        curve = curves.get(cells.charge_curve or "")
        vehicles.append(Vehicle(id=cells.vehicle_id, charge_curve=curve, **keys))
    # A column that is missing has been noted; every reference to a vehicle would only repeat it.
    ids = frozenset(name for _, name in named) if "vehicle_id" in table.columns else None
    return ids, tuple(vehicles)


def _read_curves(folder: Folder) -> dict[str, ChargeCurve | None]:
    """The curves by id; None for one that is wrong."""
    if not folder.has("charge_curves.csv"):
        return {}
    table = table_of(folder, "charge_curves.csv", CurveRow)
    if table is None:
        return {}
    names = dict.fromkeys(row.cells["curve_id"] for row in table.rows if "curve_id" in row.cells)
    points: dict[str, list[tuple[Row, CurveRow]]] = {name: [] for name in names}
    for row, cells in checked_rows(folder, table, CurveRow):
        points[cells.curve_id].append((row, cells))
    for curve in points.values():
        for (_, before), (row, point) in pairwise(curve):
            if point.soc_percent <= before.soc_percent:
                folder.complain(
                    table.place(row.line, "soc_percent"),
                    found=f"{point.soc_percent:g} after {before.soc_percent:g}",
                    allowed="a state of charge that rises within a curve",
                )
            if point.max_kw > before.max_kw:
                folder.complain(
                    table.place(row.line, "max_kw"),
                    found=f"{point.max_kw:g} after {before.max_kw:g}",
                    allowed="a power that never rises within a curve",
                )
    return {
        name: ChargeCurve(
            id=name,
            soc_percent=tuple(point.soc_percent for _, point in curve),
            max_kw=tuple(point.max_kw for _, point in curve),
        )
        for name, curve in points.items()
    }
