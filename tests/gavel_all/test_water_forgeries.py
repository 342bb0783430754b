"""Certificates of water filling that are false by design: levels a little or much too low, with proofs made to suit them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

import gavelopt as go
from formulations.gavel.water_filling import WaterFilling, water_groups
from gavelopt.engine.grading import grade
from gavelopt.engine.problem import Answer, Problem
from gavelopt.judge.levels import LEAST, Referee, Round
from tests.gavel_all.questions import by_hand


def answered(instance: go.Instance) -> tuple[Problem, Answer]:
    problem = Problem(instance, WaterFilling())
    return problem, problem.policy.methods[0].run(problem)


def refused(problem: Problem, x: np.ndarray, *rounds: Round) -> bool:
    checks = problem.policy.examine(problem.instance, problem.space, x.ravel(), rounds)
    return not all(check.passed for check in checks)


def two_islands(**columns: object) -> tuple[Problem, Answer, np.ndarray]:
    """Eight jobs share one A, four share two B at 4 steps/s: half of their time each; levels 3/8 and 3/4."""
    question = by_hand([[1.0, 0.0]] * 8 + [[0.0, 4.0]] * 4, [1.0, 2.0], **columns)
    problem, answer = answered(question.instance())
    np.testing.assert_allclose(answer.levels, [0.375] * 8 + [0.75] * 4)
    return problem, answer, go.equal_share_rate(problem.instance, problem.space)


@pytest.mark.parametrize("wrong", [1e-4, 1e-5, 3e-6])
@pytest.mark.parametrize("worth", [1e-14, 1e-9, 1e-2])
def test_a_proof_may_not_lean_on_one_that_holds_next_to_nothing(wrong: float, worth: float) -> None:
    """Next to no worth of rates on B makes the proof of A hardly worse. But then an hour of those jobs has a price, which is to
    say that they have none left; and with prices of any sign for it B can be worth what they have, not what there is."""
    problem, answer, rate = two_islands()
    island = np.arange(12) >= 8
    first, last = answer.proof[0], answer.proof[-1]
    level = np.where(island, last.after * (1.0 - wrong), last.after)
    x = answer.x.reshape(12, 2) * np.where(island, 1.0 - wrong, 1.0)[:, None]
    kept = float((level * rate)[island].sum())  # = 16 - 2 p, as all four would have all of their time at 4 - p an hour
    forged = replace(first, worth=first.worth + worth * island, final=~island)
    second = Round(level, np.array([0.0, (16.0 - kept) / 2.0]), island.astype(float), final=island)
    assert not refused(problem, answer.x, *answer.proof)
    assert refused(problem, x, forged, second)
    assert refused(problem, x, replace(forged, final=None), replace(second, final=None))


@pytest.mark.parametrize("over", [9e-7, 1e-8, 1e-10])
def test_a_level_that_is_too_high_does_not_pay_for_one_that_is_too_low(over: float) -> None:
    """Four jobs of weight 2 share A and stop at 1/2 of their time; four of weight 1 have B for themselves. With A's jobs a
    little above what there is and A dear enough, a proof is tight in which B is half empty."""
    question = by_hand([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 4, [2.0, 4.0], weight=[2] * 4 + [1] * 4)
    problem, answer = answered(question.instance())
    rate = go.equal_share_rate(problem.instance, problem.space)
    island = np.arange(8) >= 4
    level = np.where(island, 0.5, 1.0) * answer.levels[0] * (1.0 + over)
    x = np.zeros((8, 2))
    x[:4, 0], x[4:, 1] = 0.5, (level * rate)[4:]
    dear = (4.0 - x[4:, 1].sum()) / ((level * rate)[:4].sum() - 2.0)
    false = Round(level, np.array([dear, 1.0]), np.where(island, 1.0, dear))
    assert refused(problem, x, false)


def test_many_rounds_do_not_drift() -> None:
    """A thousand rounds in each of which one job rises by a little less than its part, each time within the limit, so that
    in the end the three others share what it lacks."""
    problem, answer, _ = two_islands()
    first, last = answer.proof[0], answer.proof[-1]
    factor = np.concatenate([np.ones(8), np.array([1.0, 1.0, 1.0, 1.0 - 4e-4]) / (1.0 - 1e-4)])
    rise = last.after * factor - first.after
    rounds = [Round(first.after + part * rise) for part in np.linspace(0.0, 1.0, 1000)[1:-1]]
    x = answer.x.reshape(12, 2) * factor[:, None]
    assert refused(problem, x, first, *rounds, replace(last, after=last.after * factor))


def test_time_in_which_nothing_is_done_fills_no_type() -> None:
    """Who shares A could idle on B, where it does nothing: B is then full with half of the rate that there could be."""
    problem, answer = answered(by_hand([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [1.0, 1.0]).instance())
    np.testing.assert_allclose(answer.levels, [1.0, 1.0, 2.0])
    rate = go.equal_share_rate(problem.instance, problem.space)
    x = np.array([[0.5, 0.5], [0.5, 0.0], [0.0, 0.5]])
    level = np.ones(3)
    np.testing.assert_allclose(problem.space.rate(x.ravel()), level * rate)
    assert refused(problem, x, Round(level, np.array([1.0, 1.0]), np.ones(3)))


def forged(problem: Problem, face_of: Referee, level: np.ndarray, reference: np.ndarray) -> Round | None:
    """The proof that all who are left are final at ``level`` with the smallest D at the allocation at hand, by a linear
    program over prices p, worth g and time w, of any sign where the proofs so far allow it."""
    face, space = face_of.face, problem.space
    assert face is not None
    assert face.had is not None
    used, spare = np.abs(np.where(face.able, face.had.time, 0.0)).astype(float), np.abs(face.had.spare).astype(float)
    jobs, types = space.plain.table.shape
    new, least = ~face_of.final, np.maximum(level * reference, LEAST * space.ceiling)
    job, column = np.nonzero(face.may)
    each = np.eye(jobs)[job]
    toll = np.vstack([np.eye(types), np.zeros((1, types))])[column] * face.use[job, 0][:, None]
    gain = each * face.table[job, column][:, None]
    paid = (face.use[:, :1] * used[:, :-1]).sum(axis=0)
    earned, above = (used * face.table).sum(axis=1), np.maximum(face.had.rate - level * reference, 0.0).astype(float)
    found = linprog(
        np.concatenate([spare + paid, spare - paid, above - earned, above + earned, used.sum(axis=1)]),
        A_ub=np.hstack([-toll, toll, gain, -gain, -each]),
        b_ub=np.zeros(len(job)),
        bounds=[
            *((0.0, 1e9 if s <= 1e-9 else 0.0) for s in spare),
            *((0.0, 1e9 if s else 0.0) for s in face.scarce),
            *((1.0 / at if n else 0.0, 1e9) for n, at in zip(new, least, strict=True)),
            *((0.0, 1e9 if b else 0.0) for b in face.by),
            *((-1e9, 1e9) for _ in range(jobs)),
        ],
    )
    if found.status != 0:
        return None
    price, worth = found.x[: 2 * types].reshape(2, types), found.x[2 * types : 2 * types + 2 * jobs].reshape(2, jobs)
    return Round(level, price[0] - price[1], worth[0] - worth[1], final=new)


def fitted(space: go.AllocationSpace, rate: np.ndarray, push: np.ndarray) -> np.ndarray | None:
    """An allocation with exactly these rates, as far in the direction of ``push`` as can be."""
    rates, member, use = (matrix.toarray() for matrix in space.matrices)
    most = np.concatenate([space.time, space.capacity])
    bounds = [(0.0, None if usable else 0.0) for usable in space.usable]
    found = linprog(-push, A_ub=np.vstack([member, use]), b_ub=most, A_eq=rates, b_eq=rate, bounds=bounds)
    return np.where(found.x < 1e-12, 0.0, found.x) if found.status == 0 else None


@pytest.mark.parametrize("seed", range(12))
def test_levels_that_stop_too_low_find_no_proof(seed: int) -> None:
    """Every bottleneck in turn is made the last one, a little too early, with an allocation that wastes what it can and the
    proof that suits it best; earlier proofs are bent a little."""
    rng = np.random.default_rng(seed)
    jobs, types = int(rng.integers(4, 12)), int(rng.integers(2, 5))
    rates = (
        10.0 ** rng.uniform(-1.5, 1.5, (jobs, types)) if seed % 2 else rng.choice([0.0, 1.0, 2.0, 4.0], (jobs, types))
    )
    instance = go.Instance.from_arrays(rates, rng.integers(1, 4, types), weight=rng.choice([1.0, 2.0, 5.0], jobs))
    problem, answer = answered(instance)
    space = problem.space
    reference, scale = go.equal_share_rate(instance, space), instance.jobs.scale_factor.astype(float)
    before = np.zeros(jobs)
    for number, record in enumerate(answer.proof):
        for wrong in (1e-2, 1e-4, 1e-5):
            level = before + (record.after - before) * (1.0 - wrong)
            size = np.maximum(np.maximum(level * reference, LEAST * space.ceiling), 1e-12)
            short = (answer.levels - level) * reference / size
            x = fitted(space, level * reference, rng.random(space.size))
            if x is None or not short.max() > 1.1e-6:
                continue
            bent = [replace(r, prices=r.prices * (1 + 1e-9 * rng.uniform(-1, 1, types))) for r in answer.proof[:number]]
            referee = Referee(space, reference, scale, water_groups(instance), x)
            for earlier in bent:
                referee.take(earlier)
            last = forged(problem, referee, level, reference)
            assert last is None or refused(problem, x, *bent, last), (number, wrong)
        before = record.after


def test_what_reaches_its_levels_without_a_proof_is_bounded() -> None:
    problem, answer, _ = two_islands()
    verdict = grade(problem, replace(answer, proof=(*answer.proof[:-1], replace(answer.proof[-1], prices=None))))
    assert verdict.status == "bounded"
    assert "every job saturated" in verdict.message
    assert verdict.value == pytest.approx(0.375)
    assert grade(problem, answer).status == "optimal"
    lower = replace(answer, x=answer.x * (1.0 - 1e-5))
    assert grade(problem, lower).status == "failed"


def test_levels_that_no_round_proves_are_not_shown() -> None:
    problem, answer, _ = two_islands()
    assert problem.policy.judged_levels((), None) is None
    np.testing.assert_array_equal(problem.policy.judged_levels((), answer.levels), 0.0)
