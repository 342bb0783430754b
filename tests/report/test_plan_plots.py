"""Pictures of plans: every consumer of the plan is in it, and no row is longer than what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import gavelopt as go
from formulations.alpaserve.examples import random_instance as serving
from formulations.nexus.families import random_instance as sessions
from formulations.nexus.query_families import random_query_instance as queries
from formulations.pollux.apps import sample
from gavelopt.report.plan_plots import plan_bars

CASES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "packing": (sessions(12, "mixed"), "squishy", {}),
    "queries": (queries(0, 4), "latency_split", {}),
    "placement": (serving(0), "placement", {"method": "greedy"}),
    "schedule": (serving(0), "placement", {"method": "clockwork"}),
    "elastic": (sample(12, 8), "pollux_fitness", {"method": "greedy"}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_plan_is_drawn(case: str, tmp_path: Path) -> None:
    instance, policy, options = CASES[case]
    solution = go.solve(instance, policy, **options)
    bars = plan_bars(solution)
    assert bars is not None
    assert bars.rows
    for bar in bars.rows:
        assert 0 < sum(length for _, length, _ in bar.parts) <= bar.whole * (1 + 1e-9)
    figure = solution.plot(tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 5000
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_every_session_is_on_a_gpu() -> None:
    solution = go.solve(*CASES["packing"][:2])
    bars = plan_bars(solution)
    assert bars is not None
    assert {number for bar in bars.rows for _, _, number in bar.parts} == set(range(12))


def test_every_gpu_of_the_plan_is_on_its_node() -> None:
    solution = go.solve(*CASES["elastic"][:2], method="greedy")
    bars = plan_bars(solution)
    assert bars is not None
    held = [sum(length for _, length, _ in bar.parts) for bar in bars.rows]
    assert held == solution.plan.sum(axis=0).tolist()


def test_a_matrix_has_no_rows() -> None:
    assert plan_bars(go.solve(go.examples.tiny(), "max_min")) is None
