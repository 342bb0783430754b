"""A runner of the command line inside this process, and the small files that it reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gavelopt.cli import app

Run = Callable[..., Any]

DOCUMENT = {
    "format": "gavelopt/1",
    "kind": "training",
    "name": "classic",
    "cluster": {"accelerators": [{"name": "v100", "count": 1}, {"name": "k80", "count": 1}]},
    "jobs": [{"name": "a", "steps": 14400}, {"name": "b", "steps": 10800}, {"name": "c", "steps": 7200}],
    "throughputs": {
        "unit": "steps/s",
        "rates": {"a": {"v100": 4, "k80": 1}, "b": {"v100": 3, "k80": 1}, "c": {"v100": 2, "k80": 2}},
    },
}
"""Three jobs that paper and pencil solve: max_sum 6 steps/s, makespan 6300 s."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run("solve", path, ...)`` gives an object with exit_code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "100")
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(word) for word in words])


@pytest.fixture
def classic(tmp_path: Path) -> Path:
    """The file of DOCUMENT."""
    path = tmp_path / "classic.json"
    path.write_text(json.dumps(DOCUMENT))
    return path


@pytest.fixture
def stuck(tmp_path: Path) -> Path:
    """An instance with a job that can run nowhere: its makespan is infeasible."""
    path = tmp_path / "stuck.json"
    jobs = [{"name": "a", "steps": 10}, {"name": "b", "steps": 10}]
    rates = {"a": {"v100": 4}, "b": {"v100": 0}}
    cluster = {"accelerators": [{"name": "v100", "count": 1}]}
    path.write_text(json.dumps({**DOCUMENT, "cluster": cluster, "jobs": jobs, "throughputs": {"rates": rates}}))
    return path
