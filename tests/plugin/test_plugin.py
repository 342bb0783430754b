"""A policy in another package: found through its entry point, solved by every method, held to the contract."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent / "package"
USE = """
import gavelopt as go
from gavelopt.testing import check_policy_contract

row = next(row for row in go.policies() if row["name"] == "square_root")
assert [name for name, guarantee in row["methods"].items() if guarantee == "exact"] == ["exact", "fast"]
assert [name for name, guarantee in row["methods"].items() if guarantee == "heuristic"] == ["equal_share", "greedy", "pop"]
pair = go.Instance.from_arrays([[4.0, 1.0], [2.0, 1.0]], [1.0, 1.0], accelerators=["v100", "p100"])
for solution in go.compare(pair, "square_root", ["exact", "fast"]):
    assert solution.status == "optimal", solution.message
    print(solution.value, solution.bound)
check_policy_contract("square_root", examples=6)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the package is installed: its module and its metadata in a folder on the path."""
    folder = tmp_path_factory.mktemp("site")
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    (module,) = PACKAGE.glob("*.py")
    (folder / module.name).write_text(module.read_text())
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in points.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return {**os.environ, "PYTHONPATH": str(folder)}


def run(environment: dict[str, str] | None, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=environment, timeout=120, check=False
    )


def test_the_policy_is_found_and_keeps_the_contract(installed: dict[str, str]) -> None:
    done = run(installed, "-c", USE)
    assert done.returncode == 0, done.stderr
    # job 0 takes the v100 (1.6 of its equal share), job 1 the p100 (2/3 of its own)
    best = ((math.sqrt(1.6) + math.sqrt(2 / 3)) / 2) ** 2
    for line in done.stdout.splitlines():
        assert [float(word) for word in line.split()] == pytest.approx([best, best])


def test_the_command_line_knows_it(installed: dict[str, str]) -> None:
    shown = run(installed, "-m", "gavelopt", "policies", "square_root")
    assert "power mean p = 1/2" in shown.stdout
    compared = run(installed, "-m", "gavelopt", "compare", "--policy", "square_root")
    assert compared.returncode == 0, compared.stderr
    assert "greedy" in compared.stdout


def test_without_the_package_there_is_no_such_policy() -> None:
    done = run(None, "-m", "gavelopt", "solve", "--policy", "square_root")
    assert done.returncode == 2
    assert "unknown policy 'square_root'" in done.stderr
