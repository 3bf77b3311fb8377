from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SCRIPT = """
import optimiser as opt
depot = opt.load_depot("data/parcel-12")
opt.what_if(depot, opt.load_night("data/parcel-12", "2025-11-10"), {"site.reserve_kw": [0, 1]}, workers=2)
"""


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        timeout=60,
    )

    assert done.returncode != 0
    assert 'a script calls what uses them below `if __name__ == "__main__":`' in done.stderr
