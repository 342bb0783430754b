"""The exact method: bound first, then only as much search as the bound leaves open.

    1. greedy        a plan, and the bound of one price per GPU
    2. relaxation    prices of slots and parts (``master.py``); a plan from its whole numbers
    3. integers      the program over the options that can still matter (``integer.py``), decoded to nodes

Each step ends the search if the plan at hand is within the tolerance of the bound, recomputed as the judge does.
For p = -inf, and for p so low that the smallest speedup decides, see ``bottleneck.py``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import gavelopt as go
from formulations.pollux.board import place
from formulations.pollux.bottleneck import max_min
from formulations.pollux.greedy import better, priced_choice
from formulations.pollux.integer import solve_integer
from formulations.pollux.master import Master, master_of
from formulations.pollux.question import Question, answer

ADDED_UP = 1.0 + 1e-12  # the judge adds in another order
FAR = 1e6  # ratio of powers beyond which the unit is chosen anew
REACH = 2e-5  # first reach of the integer program, in units of utility a job


def exact(problem: go.Problem, lexicographic: bool = False) -> go.Answer:
    """The best plan over all placements. ``lexicographic`` (p = -inf only): then the second worst, and so on."""
    question = Question.of(problem)
    if question.steep:
        return max_min(problem, question, lexicographic)
    price, choice = priced_choice(question)
    plan = place(question, choice)
    if out_of_scale(question, plan):
        even = max_min(problem, question, False).plan
        question = replace(question, unit=float(question.speedups.of_plan(even).min()) + question.epsilon)
        price, choice = priced_choice(question)
        plan = better(question, better(question, plan, even), place(question, choice))
    proof = question.gpu_prices(price)
    if question.closed(plan, question.bound(proof), problem.tolerance):
        return answer(question, plan, proof, notes=("greedy closes the gap",))
    master = master_of(question, plan)
    if not master.solve(price, problem.seconds_left):
        return answer(question, plan, proof, notes=("time ran out in the relaxation",))
    proof = master.structure.prices(master.dual)
    plan = better(question, plan, master.rounded())
    if question.closed(plan, question.bound(proof), problem.tolerance):
        return answer(question, plan, proof, notes=("the relaxation closes the gap",))
    proof = replace(proof, pool=True)  # whole numbers of GPUs may close what prices leave open
    if question.closed(plan, question.bound(proof), problem.tolerance):
        return answer(question, plan, proof, notes=("the pool closes the gap",))
    lost = max(master.value - total(master, plan), 0.0)
    found, ceiling = solve_integer(master, REACH * len(plan), lost, problem.seconds_left)
    plan = plan if found is None else better(question, plan, found)
    claim = question.unit * go.elastic.mean_of((ceiling + float(master.base.sum())) / len(plan), question.p)
    claim = max(claim, question.fitness(plan)) * ADDED_UP
    return answer(question, plan, proof, claimed_bound=claim, notes=("integer program",))


def out_of_scale(question: Question, plan: go.IntArray) -> bool:
    """Whether terms of this plan are so far from the unit that the powers of the others vanish beside them (p << 0).

    The unit is what the number of GPUs allows to everybody; where nodes allow much less, the best smallest speedup is a
    better one: the power mean of J terms lies within J^(-1/p) of it.
    """
    if question.p >= 0:
        return False
    return bool(question.p * np.log(max(question.fitness(plan), 1e-300) / question.unit) > np.log(FAR))


def total(master: Master, plan: go.IntArray) -> float:
    """Sum of a plan's gains, as the master counts them."""
    question = master.structure.question
    return float((np.maximum(question.worth(question.speedups.of_plan(plan)), master.base) - master.base).sum())
