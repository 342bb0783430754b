"""Water-filling levels against linear programs of the tests' own; lexicographic optimality; entities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gavelopt as go
from tests.gavel import oracle
from tests.gavel.instances import GANGS
from tests.gavel_all import reference
from tests.gavel_all.questions import Question, by_hand, draw

LEVELS = 1e-4  # absolute
ENTITIES = {"research": (2.0, "fairness"), "products": (1.0, "fifo"), "interns": (0.5, "fairness")}
CASES = [
    ("simulation", 12, "4:4:4"),
    ("physical_cluster", 24, "8:4:2"),
    ("simulation", 40, "12:12:12"),
    ("physical_cluster", 40, "4:8:12"),
]


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)))
def question(request: pytest.FixtureRequest, shared_data: Path) -> Question:
    table, jobs, cluster = request.param
    return draw(shared_data / "gavel" / f"{table}_throughputs.json", jobs, cluster, seed=jobs)


def levels_of(question: Question, sharing: bool = False) -> np.ndarray:
    solution = go.solve(question.instance(), "water_filling", space_sharing=sharing)
    assert solution.status == "optimal", solution
    assert solution.levels is not None
    assert next(c for c in solution.checks if c.name == "every job saturated").passed
    return solution.levels


def by_reference(question: Question, weights: reference.Weights, sharing: bool = False) -> np.ndarray:
    p = question.plain
    proportional = oracle.references(p)["proportional"]
    return reference.water_levels(reference.columns(question, sharing), proportional, p.scale, weights)


def with_entities(question: Question, seed: int = 0) -> tuple[Question, list[str]]:
    owners = np.random.default_rng(seed).choice(list(ENTITIES), len(question.plain.scale)).tolist()
    owners[: len(ENTITIES)] = list(ENTITIES)
    declared = tuple(go.Entity(name, weight, policy) for name, (weight, policy) in ENTITIES.items())
    return Question(
        question.plain,
        question.pairs,
        question.keys,
        question.path,
        {"entity": owners, "arrival_s": np.arange(len(owners), dtype=float)},
        declared,
    ), owners


def test_flat_levels(question: Question) -> None:
    np.testing.assert_allclose(
        levels_of(question), by_reference(question, reference.flat(question.plain.weight)), atol=LEVELS
    )


def test_levels_by_entity(question: Question) -> None:
    grouped, owners = with_entities(question)
    weights = reference.by_entity(owners, question.plain.weight, ENTITIES)
    np.testing.assert_allclose(levels_of(grouped), by_reference(grouped, weights), atol=LEVELS)


@pytest.mark.parametrize("gangs", [(1,), (1, 2, 4)], ids=str)
def test_packed_levels(gangs: tuple[int, ...], shared_data: Path) -> None:
    path = shared_data / "gavel" / "simulation_throughputs.json"
    question = draw(path, 12, "4:2:2", seed=5, gangs=gangs)
    expected = by_reference(question, reference.flat(question.plain.weight), sharing=True)
    np.testing.assert_allclose(levels_of(question, sharing=True), expected, atol=LEVELS)


def test_alike_jobs_have_the_same_level(shared_data: Path) -> None:
    question = draw(shared_data / "gavel" / "simulation_throughputs.json", 60, "8:8:8", seed=1, kinds=3, gangs=GANGS)
    p, levels = question.plain, levels_of(question)
    alike: dict[tuple[float, ...], list[float]] = {}
    for i in range(60):
        alike.setdefault((*p.rates[i].tolist(), p.scale[i], p.weight[i]), []).append(levels[i])
    assert max(len(found) for found in alike.values()) > 1
    for found in alike.values():
        assert max(found) - min(found) <= LEVELS


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_first_level_is_max_min_and_sorted_levels_are_never_beaten(seed: int) -> None:
    """Against random feasible allocations: sorted weighted levels of ours are lexicographically at least as large."""
    rng = np.random.default_rng(seed)
    question = by_hand(rng.uniform(0.2, 5, (4, 3)), rng.integers(1, 3, 3), weight=rng.choice([1.0, 2.0], 4))
    p = question.plain
    levels = levels_of(question)
    assert (levels / p.weight).min() == pytest.approx(go.solve(question.instance(), "max_min").value, rel=1e-6)
    ours = np.sort(levels / p.weight)
    proportional = oracle.references(p)["proportional"]
    for _ in range(30):
        X = rng.random((4, 3)) ** 3
        X /= np.maximum(X.sum(axis=1, keepdims=True), 1.0)
        X /= np.maximum(X.sum(axis=0) / p.count, 1.0)
        theirs = np.sort((p.effective * X).sum(axis=1) / proportional / p.weight)
        differ = np.flatnonzero(np.abs(theirs - ours) > 1e-6 * ours)
        assert not len(differ) or theirs[differ[0]] < ours[differ[0]]


def test_hierarchy_by_hand() -> None:
    """Four equal accelerators. "a" has weight 3 and jobs 0, 1 (weights 1, 2); "b" has weight 1 and queues jobs 2, 3, 4.

    First round: W = (1, 2, 1, 0, 0): job 1 fills at level 1 when the others have 1/2. Then W = (3, -, 1): job 0 from 1/2 to
    1, job 2 to 2/3; then job 2 alone to 1. Of 4 accelerators 3 are taken: job 3 fills the last, job 4 gets nothing."""
    question = by_hand([[1.0]] * 5, [4.0], weight=[1.0, 2.0, 1.0, 1.0, 1.0])
    grouped = Question(
        question.plain,
        question.pairs,
        columns={"entity": ["a", "a", "b", "b", "b"], "arrival_s": [0.0, 0.0, 1.0, 2.0, 3.0]},
        entities=(go.Entity("a", 3.0, "fairness"), go.Entity("b", 1.0, "fifo")),
    )
    np.testing.assert_allclose(levels_of(grouped), [1.0, 1.0, 1.0, 1.0, 0.0], atol=1e-9)
    short = Question(
        by_hand([[1.0]] * 5, [2.0], weight=[1.0, 2.0, 1.0, 1.0, 1.0]).plain,
        question.pairs,
        columns=grouped.columns,
        entities=grouped.entities,
    )
    # 2 accelerators: the entities share them 3 : 1, "a" inside 1 : 2
    np.testing.assert_allclose(levels_of(short), [0.5, 1.0, 0.5, 0.0, 0.0], atol=1e-9)


def test_a_queue_is_in_the_order_of_arrival() -> None:
    question = by_hand([[1.0]] * 3, [1.0])
    grouped = Question(
        question.plain,
        question.pairs,
        columns={"entity": ["q"] * 3, "arrival_s": [9.0, 1.0, 5.0]},
        entities=(go.Entity("q", 1.0, "fifo"),),
    )
    np.testing.assert_allclose(levels_of(grouped), [0.0, 1.0, 0.0], atol=1e-9)
