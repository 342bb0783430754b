"""Every registered training policy, by every method, through the same checks; a new policy is covered by being registered."""

from __future__ import annotations

from typing import Any

import pytest

import gavelopt as go
from gavelopt.testing import check_policy_contract

OWN = [row["name"] for row in go.policies() if row["kind"] == "training" and row["alias_of"] is None]
ALIASES = [row["name"] for row in go.policies() if row["kind"] == "training" and row["alias_of"] is not None]
DOMAIN: dict[str, dict[str, Any]] = {"allox": {"gangs": (1,)}}  # what a policy is defined for
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("max_sum", {"normalize": "best", "weighted": True}),
    ("max_sum", {"normalize": "isolated"}),
    ("max_sum", {"per_cost": True, "slo": "require"}),
    ("max_min", {"agnostic": True}),
    ("max_min", {"normalize": None}),
    ("makespan", {"agnostic": True}),
    ("ftf", {"weighted": True}),
    ("power_mean", {"p": 1.0}),
    ("power_mean", {"p": 0.5}),
    ("power_mean", {"p": 0.0}),
    ("power_mean", {"p": -10.0}),
    ("power_mean", {"p": float("-inf")}),
    ("water_filling", {"agnostic": True}),
    ("min_cost", {"share": 0.5}),
]


@pytest.mark.parametrize("policy", OWN)
def test_policy_keeps_the_contract(policy: str) -> None:
    check_policy_contract(policy, examples=12, **DOMAIN.get(policy, {}))


@pytest.mark.parametrize(("policy", "options"), VARIANTS, ids=[f"{name}-{options}" for name, options in VARIANTS])
def test_variant_keeps_the_contract(policy: str, options: dict[str, Any]) -> None:
    check_policy_contract(policy, examples=8, **options)


@pytest.mark.parametrize("alias", ALIASES)
def test_alias_solves_the_embedded_example(alias: str) -> None:
    solution = go.solve(go.examples.gavel(jobs=6, cluster="v100:2,p100:2,k80:2", seed=4), alias)
    assert solution.status in ("optimal", "bounded"), solution.message
    assert all(check.passed for check in solution.checks)


def test_all_names_of_gavels_factory_are_here() -> None:
    names = [
        "allox",
        "fifo",
        "fifo_packed",
        "fifo_perf",
        "finish_time_fairness",
        "finish_time_fairness_packed",
        "finish_time_fairness_perf",
        "gandiva",
        "isolated",
        "max_min_fairness",
        "max_min_fairness_packed",
        "max_min_fairness_perf",
        "max_min_fairness_water_filling",
        "max_min_fairness_water_filling_packed",
        "max_min_fairness_water_filling_perf",
        "max_sum_throughput_perf",
        "max_sum_throughput_normalized_by_cost_perf",
        "max_sum_throughput_normalized_by_cost_packed_SLOs",
        "max_sum_throughput_normalized_by_cost_perf_SLOs",
        "min_total_duration",
        "min_total_duration_packed",
        "min_total_duration_perf",
    ]
    assert len(names) == 22
    assert set(names) <= {row["name"] for row in go.policies()}
