"""doctor: it finds a healthy machine healthy, and explains the clash of highspy and ortools."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from gavelopt.cli import diagnosis
from gavelopt.cli.diagnosis import parsed, probe
from tests.cli.conftest import Run

SOLVERS = {"HiGHS", "GLOP", "PDLP", "CP-SAT", "cvxpy CLARABEL", "cvxpy HIGHS"}


def test_every_solver_works_in_both_orders(run: Run) -> None:
    done = run("doctor", "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 0
    assert found["troubles"] == []
    for outcome in found["solvers"].values():
        assert outcome.keys() >= SOLVERS
        assert set(outcome.values()) == {"ok"}
    assert found["machine"]["cores"] >= 1
    assert found["policies"] > 10
    assert {"numpy", "highspy", "ortools", "cvxpy"} <= {row["name"] for row in found["packages"]}


def test_the_clash_is_explained_with_the_command_that_mends_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they fail with "undefined symbol", as highspy 1.15 and ortools 9.15 do; alone each works."""

    def clashing(names: Sequence[str]) -> dict[str, str]:
        if {"highspy", "ortools"} <= set(names):
            return {"HiGHS": "ok", "ortools": "ImportError: libortools.so.9: undefined symbol: _Z19setLocal"}
        return dict.fromkeys(names, "ok")

    monkeypatch.setattr(diagnosis, "probe", clashing)
    done = run("doctor")
    assert done.exit_code == 1
    assert "undefined symbol" in " ".join(done.stdout.split())
    assert "work alone but not in one process" in done.stderr
    assert "pip install 'highspy" in done.stderr
    assert "<1.15" in done.stderr
    assert "all is well" not in done.stdout


def test_a_solver_that_is_broken_by_itself_is_no_clash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        diagnosis, "probe", lambda names: {name: "ok" if name == "highspy" else "gone" for name in names}
    )
    trouble = diagnosis.diagnose().troubles[0]
    assert "ortools" in trouble.what
    assert "even alone" in trouble.what
    assert "highspy" not in trouble.fix


def test_a_process_that_dies_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown package ends the probe with an exception: its code and last words come back."""
    (outcome,) = probe(("no_such_solver",)).values()
    assert "ended with code 1" in outcome
    assert "no_such_solver" in outcome


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("highspy!=1.14.0,<1.15,>=1.12", ("highspy", "!=1.14.0,<1.15,>=1.12", None)),
        ('matplotlib>=3.8; extra == "plot"', ("matplotlib", ">=3.8", "plot")),
        ("pandas[x] (>=2)", ("pandas", ">=2", None)),
        ("rich", ("rich", "", None)),
    ],
)
def test_requirements_are_read(requirement: str, expected: tuple[str, str, str | None]) -> None:
    assert parsed(requirement) == expected
