"""One pool of GPUs: the best number of GPUs for every job, as if nodes did not matter.

    V_j(g) = max_k  V_(j-1)(g - k) + u_j(k)          u_j(k): the better of one node and several

O(J G r) steps, and an upper bound on every placement: where its optimum can be placed it is the optimum. The judge solves
the program again for the bound; the plan is that optimum placed on nodes, with repair.
"""

from __future__ import annotations

import numpy as np

import gavelopt as go
from formulations.pollux.board import place
from formulations.pollux.question import IDLE, KEEP, STEEP, Question, answer


def pool(problem: go.Problem) -> go.Answer:
    """The optimum of the pool, placed."""
    question = Question.of(problem)
    if len(question.instance.cluster) != 1:
        raise go.SolverError("the pool's dynamic program knows one accelerator type; use greedy or exact")
    bounds = go.elastic.bounds
    power = STEEP if question.steep else question.p
    utility = bounds.pool_utilities(question.speedups, power, question.epsilon, question.unit)
    gpus = bounds.pool_choice(utility, bounds.pool_tables(utility, bounds.pool_size(question.instance)))
    if gpus is None:
        raise go.Infeasible("the jobs that may not be moved hold more GPUs than there are")
    return answer(question, place(question, choice_of(question, gpus)), question.gpu_prices(np.zeros(1), pool=True))


def choice_of(question: Question, gpus: go.IntArray) -> go.IntArray:
    """(J,) the best option of each job with exactly so many GPUs; the row held now where it is as good."""
    ways = question.speedups.ways
    fits = np.where(ways.gpus[None, :] == gpus[:, None], question.utility, -np.inf)
    best = fits.argmax(axis=1) if len(ways) else np.zeros(len(gpus), dtype=np.int64)
    worth = fits[np.arange(len(gpus)), best] if len(ways) else np.full(len(gpus), -np.inf)
    keeps = (question.present.sum(axis=1) == gpus) & (question.kept >= worth) & np.isfinite(question.kept)
    return np.where(gpus == 0, IDLE, np.where(keeps, KEEP, best))
