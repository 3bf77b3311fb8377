from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dispatch.cli import app
from tests.builders import NIGHT
from tests.dispatch.gateway.tls_builders import write_gateway_files
from tests.optimiser.folder_builders import write_depot_folder

SECRET = "a-password-of-old"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_depot_folder(tmp_path / "depot")


def simulate(folder: Path, *arguments: str | Path) -> Result:
    line = ["simulate", folder, "--night", NIGHT.isoformat(), *arguments]
    return CliRunner().invoke(app, [str(part) for part in line])


def complaint(result: Result) -> str:
    assert result.exit_code == 2, result.output
    return " ".join(result.stderr.split())


def test_charge_points_without_their_passwords_are_told_where_to_find_them(folder: Path) -> None:
    assert "depot credentials add DIR --json" in complaint(simulate(folder))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        json.dumps([SECRET]),
        json.dumps({"CP01": SECRET}),
        json.dumps({"passwords": {"CP01": [SECRET]}}),
        f"passwords: {{CP01: '{SECRET}",
    ],
)
def test_a_file_of_another_form_is_said_and_not_repeated(folder: Path, text: str) -> None:
    file = folder / "passwords.json"
    file.write_text(text)
    assert SECRET not in complaint(simulate(folder, "--passwords", file))


def encrypted(folder: Path, profile: int) -> None:
    tls = write_gateway_files(folder)
    text = (folder / "depot.yaml").read_text()
    files = f"tls: {{certificate: {tls.certificate}, key: {tls.key}, client_ca: {tls.client_ca}}}"
    (folder / "depot.yaml").write_text(
        text.replace("security_profile: 1", f"security_profile: {profile}, {files}")
    )


def test_charge_points_without_their_certificates_are_told_what_they_need(folder: Path) -> None:
    encrypted(folder, 3)
    assert "--certificates" in complaint(simulate(folder))
    (folder / "certificates").mkdir()
    said = complaint(simulate(folder, "--certificates", folder / "certificates"))
    assert said.startswith("2 problems")


def test_a_process_allows_itself_the_files_that_its_chargers_need() -> None:
    code = (
        "import resource; from dispatch.commands.gateway import _allow_files\n"
        "limit = resource.RLIMIT_NOFILE; hard = resource.getrlimit(limit)[1]\n"
        "resource.setrlimit(limit, (128, hard)); _allow_files(100); print(resource.getrlimit(limit)[0])\n"
        "_allow_files(300); print(resource.getrlimit(limit)[0])\n"
        "resource.setrlimit(limit, (128, 200)); _allow_files(300); print(resource.getrlimit(limit)[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["128", "300", "200"]
    assert "raise the limit" in done.stderr
