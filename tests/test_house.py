"""The house keeps its order: files and functions short, units in names, no circle of imports, nothing unfinished."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for package in ("optimiser", "dispatch") for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 80

UNITS = (
    "_a", "_kw", "_kwh", "_v", "_s", "_h", "_hz", "_w", "_wh", "_percent", "_minutes", "_minute", "_ms",
    "_kw_per_kwh", "_per_kwh", "_per_kw",
)  # fmt: skip
"""A float says its unit at the end of its name."""

WITHOUT_UNIT = {
    "all_ready", "allowed", "amount", "baseline", "charge_efficiency", "coefficients", "conversion_efficiency", "cost_total", "costs", "demand", "drawn", "efficiency", "energy", "energy_cost", "free", "gap",
    "high", "kw", "limit", "low", "lower", "lp_bound", "mid", "minutes", "money", "need", "otherwise", "paid_present", "peak", "percent", "planned", "power", "present", "price", "priority",
    "readiness", "seconds", "secured", "share", "step", "taken_share", "target", "timeout", "total", "upper", "value", "weight", "written",
}  # fmt: skip
"""Shares, money, weights, units themselves, a name of the standard library's, and what stands beside its unit."""


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=named)
def test_a_file_is_one_noun_of_at_most_four_hundred_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES


def test_a_function_fits_on_a_screen() -> None:
    too_long = [
        f"{named(path)}:{node.lineno} {node.name}"
        for path in [*SOURCES, *TESTS]
        for node in functions(path)
        if (node.end_lineno or node.lineno) - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert too_long == []


def floats(path: Path) -> Iterator[tuple[int, str]]:
    """Names annotated as float or array of floats: attributes of classes and parameters of public functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    yield from _if_float(field.target.id, field.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            for argument in [*node.args.args, *node.args.kwonlyargs]:
                if argument.annotation is not None:
                    yield from _if_float(argument.arg, argument.annotation)


def _if_float(name: str, annotation: ast.expr) -> Iterator[tuple[int, str]]:
    if ast.unparse(annotation) in {"float", "float | None", "FloatArray", "FloatArray | None"}:
        yield annotation.lineno, name


def test_a_float_says_its_unit() -> None:
    silent = [
        f"{named(path)}:{line} {name}"
        for path in SOURCES
        for line, name in floats(path)
        if not name.endswith(UNITS) and name not in WITHOUT_UNIT
    ]
    assert silent == []


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = grimp.build_graph("optimiser", "dispatch", include_external_packages=False)
    circles = sorted(
        module
        for module in graph.modules
        if any(graph.chain_exists(importer=imported, imported=module)
               for imported in graph.find_modules_directly_imported_by(module))
    )  # fmt: skip
    assert circles == []


def test_nothing_is_unfinished() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "raise NotImplemented" + "Error")
    found = [
        f"{named(path)}:{number} {line.strip()}"
        for path in [*SOURCES, *TESTS]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if any(word in line for word in words)
    ]
    assert found == []


def test_every_module_says_what_it_is_in_its_first_line() -> None:
    silent = [
        named(path) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []
