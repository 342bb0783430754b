"""Explanations: margins close as the theory says, what binds is named, and the words say it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gavelopt as go
from tests.audit.cases import TABLES, measured, said, two_types

LINEAR: list[tuple[str, dict[str, Any]]] = [
    ("max_sum", {}),
    ("max_min", {}),
    ("max_min", {"agnostic": True}),
    ("makespan", {}),
    ("ftf", {}),
    ("max_sum", {"per_cost": True}),
]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(("policy", "options"), LINEAR)
def test_no_margin_exceeds_the_worth_of_time_and_used_ones_reach_it(
    shared_data: Path, table: str, policy: str, options: dict[str, Any]
) -> None:
    instance = measured(shared_data, table, 32, "12:12:12", new=False)
    solution = go.solve(instance, policy, **options)
    for job in instance.jobs.names:
        told = solution.explain(job)
        assert told.worth_of_time is not None
        for offer in told.offers:
            if offer.margin is None:
                assert offer.verdict in ("gang", "unknown", "cannot")
                continue
            assert offer.worth is not None
            assert offer.price is not None
            size = max(abs(offer.worth), abs(offer.price), 1e-12)
            assert offer.margin <= told.worth_of_time + 1e-6 * size
            if offer.verdict == "used":
                assert offer.margin == pytest.approx(told.worth_of_time, rel=1e-5, abs=1e-6 * size)
        if told.worth_of_time > 1e-9:
            assert told.binding == "time"
            assert told.share == pytest.approx(1.0)


def test_a_scarce_type_is_explained_by_its_price() -> None:
    # one fast accelerator: a gains 9 there, b only 1, so the price is at least what b would pay
    instance = two_types([[10.0, 1.0], [2.0, 1.0]], count=(1, 2))
    solution = go.solve(instance, "max_sum")
    told = solution.explain("b")
    assert told.binding == "time"
    fast, slow = told.offers
    assert (fast.accelerator, fast.verdict, slow.verdict) == ("fast", "less", "used") or fast.verdict in (
        "dearer",
        "tie",
    )
    text = said(told)
    assert "b gets 100 % of its time on slow: 1 steps/s" in text
    assert "It runs all the time" in text
    assert told.to_dict()["sentences"] == list(told.sentences)
    json.dumps(told.to_dict(), allow_nan=False)


def test_who_gets_nothing_learns_the_price() -> None:
    instance = two_types([[10.0, 0.0], [2.0, 0.0]], count=(1, 0))
    told = go.solve(instance, "max_sum").explain("b")
    assert told.binding == "price"
    assert told.sentences[0] == "b gets nothing."
    assert "Every type costs more than it is worth to this job." in told.sentences


def test_a_job_above_the_minimum_is_told_who_decides() -> None:
    instance = two_types([[1.0, 0.0], [8.0, 8.0]], count=(1, 1), steps=[100.0, 100.0])
    told = go.solve(instance, "makespan").explain("b")
    assert told.binding in ("enough", "time")
    assert told.deciders == ("a",)
    assert told.times_worst is not None
    assert told.times_worst >= 1.0
    if told.binding == "enough":
        assert "the value is decided by a" in said(told)


@pytest.mark.parametrize(
    ("rates", "scale", "binding", "words"),
    [
        ([[4.0, 2.0], [4.0, 0.0]], [1, 2], "gang", "gang of 2 is larger"),
        ([[4.0, 2.0], [np.nan, 0.0]], [1, 1], "unknown", "not known on fast"),
        ([[4.0, 2.0], [0.0, 0.0]], [1, 1], "cannot", "0 on every type"),
    ],
)
def test_who_cannot_run_is_told_why(rates: Any, scale: list[int], binding: str, words: str) -> None:
    told = go.solve(two_types(rates, scale=scale), "max_sum").explain("b")
    assert told.binding == binding
    assert words in said(told)


def test_rules_and_methods_without_prices_say_so() -> None:
    instance = two_types([[4.0, 2.0], [4.0, 2.0], [4.0, 2.0]])
    assert go.solve(instance, "isolated").explain("a").binding == "rule"
    told = go.solve(instance, "max_min", method="equal_share").explain("a")
    assert told.binding == "not priced"
    assert "offers no prices" in said(told)


def test_a_floor_is_part_of_the_worth() -> None:
    instance = two_types([[10.0, 0.0], [2.0, 0.0]], count=(1, 0), steps=[10.0, 10.0], deadline_s=[np.nan, 10.0])
    told = go.solve(instance, "max_sum", slo="require").explain("b")
    assert told.rate == pytest.approx(1.0)
    # half of the accelerator's time gives b its floor of 1 and costs a 5: a unit less of the floor frees 5 - 1 steps/s
    assert told.worth_of_floor == pytest.approx(4.0)
    assert "A floor holds its throughput up" in said(told)
    assert told.offers[0].margin == pytest.approx(0.0, abs=1e-9)


def test_partners_are_named() -> None:
    table = go.ThroughputTable([[4.0], [4.0]], ["a", "b"], ["v100"], pairs=go.PairTable([[0, 1]], [[[3.0, 3.0]]], 2, 1))
    instance = go.Instance(go.Cluster({"v100": 1}), go.JobSet(table.jobs), table)
    told = go.solve(instance, "max_sum", space_sharing=True).explain("a")
    assert [offer.partner for offer in told.offers if offer.verdict == "used"] == ["b"]
    assert "on v100 with b" in said(told)
    paired = told.offers[-1]
    assert paired.worth == pytest.approx(6.0)
    assert paired.margin == pytest.approx(told.worth_of_time, abs=1e-9)


def test_a_heuristic_answer_is_called_one(shared_data: Path) -> None:
    instance = measured(shared_data, "simulation", 32, "4:4:4")
    solution = go.solve(instance, "max_min", method="greedy")
    assert solution.status == "bounded"
    assert any("not proved optimal" in sentence for sentence in solution.explain("j0").sentences)


def test_an_unknown_job_is_suggested() -> None:
    with pytest.raises(go.UnknownName, match="unknown job"):
        go.solve(two_types([[4.0, 2.0]]), "max_sum").explain("A1")


def test_no_allocation_no_explanation() -> None:
    instance = two_types([[0.0, 0.0]])
    solution = go.solve(instance, "proportional_fairness")
    with pytest.raises(go.InputError, match="no allocation to explain"):
        solution.explain("a")
