"""Importing gavelopt is light: a solver, a plotting library or pandas is loaded when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("cvxpy", "clarabel", "highspy", "ortools", "matplotlib", "pandas", "numba", "ray", "hypothesis")
REPORT = f"import sys; print(' '.join(name for name in {HEAVY!r} if name in sys.modules))"


@pytest.mark.parametrize(
    "use",
    [
        "import gavelopt",
        "import gavelopt as go; go.examples.tiny()",
        "import gavelopt as go; go.policies()",
        "import sys; sys.argv = ['gavelopt', '--help']; from gavelopt.cli import app; app(standalone_mode=False)",
    ],
)
def test_loads_nothing_heavy(use: str) -> None:
    done = subprocess.run([sys.executable, "-c", f"{use}; {REPORT}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
    assert loaded in ("", "None") or not set(loaded.split()) & set(HEAVY), loaded


def test_the_judge_needs_no_solver() -> None:
    block = f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r})); "
    use = "import gavelopt.judge.check, gavelopt.judge.certify, gavelopt.judge.verdict, gavelopt.judge.levels"
    done = subprocess.run([sys.executable, "-c", block + use], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
