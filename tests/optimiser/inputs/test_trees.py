"""Two parsers of YAML, one of which not every installation has, read the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from optimiser.inputs.files import Folder
from optimiser.inputs.trees import Tree, read_tree

DEPOTS = sorted((Path(__file__).parents[3] / "data").glob("*/depot.yaml"))


def read_by(parser: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Tree | None, list[str]]:
    monkeypatch.setattr(yaml, "__with_libyaml__", parser == "libyaml" and yaml.__with_libyaml__)
    folder = Folder(path=file.parent)
    tree = read_tree(folder, file.name)
    return tree, [str(problem) for problem in folder.problems]


@pytest.mark.parametrize("file", DEPOTS, ids=[file.parent.name for file in DEPOTS])
def test_a_depot_and_its_lines_are_the_same_with_and_without_libyaml(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, problems = read_by("libyaml", file, monkeypatch)

    assert tree is not None
    assert len(tree.lines) > 20
    assert (tree, problems) == read_by("python", file, monkeypatch)


@pytest.mark.parametrize(
    "text",
    [
        "name: [unfinished\n",
        "name: one\n---\nname: two\n",
        "name: \x07bell\n",
        "name: *nobody\n",
        "a: &a {b: *a}\n",
        "name: !!python/name:os.system\n",
        "start: 12:00\nname: 2025-02-30\n",
        "yes: 1\nname: 1\nname: 2\n",
        "name: |\n  two\n  lines\nother: 'é車'\n",
        "\tname: tab\n",
    ],
)
def test_what_is_wrong_is_said_in_the_same_words_with_and_without_libyaml(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "depot.yaml"
    file.write_text(text, encoding="utf-8")

    assert read_by("libyaml", file, monkeypatch) == read_by("python", file, monkeypatch)
