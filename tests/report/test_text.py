"""print(solution) and print(comparison): everything that matters is said, at any width, and quickly."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest

import gavelopt as go
from gavelopt.model.allocation import Allocation
from gavelopt.model.space import AllocationSpace
from gavelopt.report.text import solution_html, solution_text, solution_view
from tests.report.instances import CLASSIC, random_instance, widest


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def lines_of(text: str) -> list[list[str]]:
    return [line.split() for line in text.split("\n")]


def test_the_answer_is_there_with_its_proof_and_prices() -> None:
    text = str(go.solve(CLASSIC, "max_sum"))
    assert "max_sum  3 jobs, 2 accelerator types" in text
    assert ["status", "optimal"] in lines_of(text)
    assert ["value", "6", "steps/s"] in lines_of(text)
    assert "bound   6 steps/s, proved; gap" in text
    assert ["a", "1.000", "·", "4"] in lines_of(text)
    assert ["b", "·", "·", "0"] in lines_of(text)
    assert ["c", "·", "1.000", "2"] in lines_of(text)
    assert ["in", "use", "1", "1"] in lines_of(text)
    assert "one more v100  is worth 3 steps/s" in text


def test_prices_that_are_not_unique_tell_both_sides() -> None:
    """One more v100 is given to b (3); without it a loses 4, or the k80 moves. One more k80 goes to b (1)."""
    solution = go.solve(CLASSIC, "max_sum")
    assert solution.prices is not None
    assert solution.prices.sides == pytest.approx(np.array([[3.0, 4.0], [1.0, 2.0]]), abs=1e-6)
    text = str(solution)
    assert "prices  not unique" in text
    assert "one more v100  is worth 3 steps/s; one less costs 4" in text
    assert "one more k80   is worth 1 steps/s; one less costs 2" in text


def test_a_policy_that_minimises_saves() -> None:
    text = str(go.solve(CLASSIC, "makespan"))
    assert "6300 s (105 minutes)" in text
    assert "one more v100  saves" in text
    assert "-" not in text.split("prices")[1]


def test_capacity_that_nobody_lacks_is_worth_nothing() -> None:
    text = str(go.solve(CLASSIC.adding({"v100": 5, "k80": 5}), "max_sum"))
    assert "no type is scarce" in text


def test_no_solution_says_why() -> None:
    stuck = go.Instance.from_arrays([[0.0], [1.0]], [1], steps=[10.0, 10.0])
    text = str(go.solve(stuck, "makespan"))
    assert ["status", "infeasible"] in lines_of(text)
    assert "reason" in text
    assert "j0" in text
    assert "value" not in text.split("reason")[0]
    assert "\\n" not in text


def test_warnings_are_shown() -> None:
    text = str(go.solve(go.Instance.from_arrays([[1.0, np.nan]], [1, 1], weight=[2.0]), "max_sum"))
    assert text.count("warning  ") >= 1
    assert "no known rate" in text


@pytest.mark.parametrize("columns", ["60", "80", "100", "250"])
def test_every_line_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    names = [f"a very long job name that goes on and on, number {i}, ResNet-50 (batch size 16)" for i in range(30)]
    text = str(go.solve(random_instance(30, 12, names=names), "max_sum"))
    assert widest(text) <= int(columns)
    assert "…" in text
    assert "18 jobs" in text


def test_types_that_do_not_fit_are_counted_and_the_busiest_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    rates = np.full((4, 20), 1.0)
    rates[:, 17] = 9.0
    text = str(go.solve(go.Instance.from_arrays(rates, np.full(20, 10.0)), "max_sum"))
    assert "a17" in text
    assert "accelerator types more" in text


def test_ten_thousand_jobs_are_cut_and_quick() -> None:
    instance = random_instance(10_000)
    solution = go.solve(instance, "max_sum", method="greedy")
    start = time.perf_counter()
    text = solution_text(solution)
    assert time.perf_counter() - start < 1.0
    assert "9,988 jobs more" in text
    assert len(text.split("\n")) < 40
    assert solution.prices is None or "sides" not in vars(solution.prices)


def test_no_jobs_and_one_job() -> None:
    assert "0 jobs, 1 accelerator type" in str(go.solve(go.Instance.from_arrays(np.zeros((0, 1)), [1]), "max_min"))
    assert "1 job, 1 accelerator type" in str(go.solve(go.Instance.from_arrays([[2.0]], [1]), "max_min"))


def test_labels_are_shown_as_they_are() -> None:
    names = ["模型[bold]甲[/bold]", "evil\x1b[31m", ":smile:"]
    text = str(_renamed(names))
    assert "模型[bold]甲[/bold]" in text
    assert "\x1b" not in text
    assert "evil\\x1b[31m" in text
    assert ":smile:" in text


def _renamed(names: list[str]) -> go.Solution:
    instance = go.Instance.from_arrays([[4.0, 1.0], [3.0, 1.0], [2.0, 2.0]], [1, 1], jobs=names)
    return go.solve(instance, "max_sum")


def test_plain_text_has_no_colour_codes_and_no_blank_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    text = str(go.solve(CLASSIC, "max_min"))
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.split("\n"))


def test_html_is_escaped_and_says_the_same() -> None:
    html = solution_html(_renamed(["<script>", "b", "c"]))
    assert html.startswith("<pre")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "is worth 3 steps/s" in html


class _Plan:
    def __str__(self) -> str:
        return "the plan in its own words"


def test_other_kinds_show_their_plan_and_counts() -> None:
    """A solution of another kind: sessions instead of jobs, counts instead of fractions, no limit on accelerators."""
    sessions, types = go.Labels(["game"], "session"), go.Labels(["k80"], "accelerator")
    space = AllocationSpace.from_columns(
        sessions, types, np.array([np.inf]), [[30.0]], [[1.0]], [[1.0]], np.array([9.0])
    )
    solved = go.solve(CLASSIC, "max_sum")

    class Packing:
        kind, name, warnings = "packing", None, ()

    other = dataclasses.replace(
        solved, instance=Packing(), allocation=Allocation(space, np.array([3.0])), plan=_Plan(), prices=None
    )
    text = str(other)
    assert "1 session, 1 accelerator type" in text
    assert "the plan in its own words" in text
    assert ["game", "3", "90"] in lines_of(text)
    assert ["any"] in lines_of(text)


def test_one_sided_prices_of_a_large_instance_are_computed_only_when_asked() -> None:
    solution = go.solve(random_instance(1200), "max_sum")
    assert "not checked for uniqueness at this size" in solution_text(solution)
    assert solution.prices is not None
    assert "sides" not in vars(solution.prices)
    solution_view(solution, one_sided=True)
    assert "sides" in vars(solution.prices)


def test_comparison_is_one_row_a_method() -> None:
    text = str(go.compare(CLASSIC, "max_sum"))
    assert "no answer has more than 6 steps/s (proved)" in text
    exact = next(line for line in lines_of(text) if line[:1] == ["exact"])
    assert exact[:4] == ["exact", "exact", "optimal", "6"]
    assert any(line[:2] == ["equal_share", "heuristic"] for line in lines_of(text))


def test_a_method_that_fails_is_a_row_with_its_reason() -> None:
    stuck = go.Instance.from_arrays([[0.0], [1.0]], [1], steps=[10.0, 10.0])
    text = str(go.compare(stuck, "makespan", ["exact"]))
    assert "reason" in text
    row = next(line for line in lines_of(text) if line[:1] == ["exact"])
    assert row[:4] == ["exact", "exact", "infeasible", "none"]
