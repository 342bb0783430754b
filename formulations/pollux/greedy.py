"""The fast method: marginal gains on concave envelopes, one price per GPU, then placement and repair.

    D(y) = y.G + sum_j max_o (u_jo - y_type(o) K_o)  >=  sum_j u_j        for every price y >= 0 of a GPU

With one accelerator type the minimum of D is the linear relaxation of choosing one option a job within G GPUs: walking down
the concave envelopes of u_j(K) by marginal gain per GPU until G is used, which a bisection on y does for all jobs at once.
With several types D is minimised by cutting planes. Each job takes its best option at the price; GPUs left over go to the
best marginal gains; ``board.place`` finds nodes and repairs.

One price does not know that three GPUs of a node of four leave one that few want. Where the plan is further than ``within``
from the bound D, the choice is repaired: each job takes the option that it has in the relaxation with prices for slots and
parts (``master.py``), and is placed again. Either bound is recomputed by the judge.

Reference: Sinha and Zoltners 1979 (the multiple-choice knapsack); Pollux, section 4.2.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize

import gavelopt as go
from formulations.pollux.board import place
from formulations.pollux.master import master_of
from formulations.pollux.question import IDLE, KEEP, Question, answer

BISECTIONS = 60
CUTS = 60


def greedy(problem: go.Problem, within: float = 0.01) -> go.Answer:
    """Marginal gains, placed; repaired where the bound is further away than ``within`` of it."""
    question = Question.of(problem)
    price, choice = priced_choice(question)
    plan, proof = place(question, choice), question.gpu_prices(price)
    if question.closed(plan, question.bound(proof), within):
        return answer(question, plan, proof)
    master = master_of(question, plan)
    master.solve(price, problem.seconds_left)
    plan = better(question, plan, master.rounded())
    return answer(question, plan, master.structure.prices(master.dual), notes=("repaired",))


def better(question: Question, first: go.IntArray, second: go.IntArray) -> go.IntArray:
    """The plan of the higher fitness."""
    return second if question.fitness(second) > question.fitness(first) else first


def priced_choice(question: Question) -> tuple[go.FloatArray, go.IntArray]:
    """(R,) price of a GPU of each type, and (J,) the options chosen: a configuration, IDLE or KEEP."""
    options = Options(question)
    size = question.instance.cluster.count
    price = _bisect(options, size) if len(size) == 1 else _cutting_planes(options, size)
    return price, _fill(options, options.best(price), size)


class Options:
    """All options of all jobs side by side: C configurations, keeping the present row, nothing."""

    def __init__(self, question: Question) -> None:
        instance, ways = question.instance, question.speedups.ways
        self.utility = np.concatenate([question.utility, question.kept[:, None], question.idle[:, None]], axis=1)
        types, jobs = len(instance.cluster), len(instance.jobs)
        self.gpus = np.zeros((jobs, self.utility.shape[1]))
        self.gpus[:, : len(ways)] = ways.gpus
        self.gpus[:, -2] = question.present.sum(axis=1)
        self.type = np.zeros((jobs, self.utility.shape[1]), dtype=np.int64)
        self.type[:, : len(ways)] = ways.type
        self.type[:, -2] = instance.node_type[question.present.argmax(axis=1)] if instance.nodes else 0
        self.types, self.rows = types, np.arange(jobs)

    def best(self, price: go.FloatArray) -> go.IntArray:
        """(J,) the best option of each job at these prices."""
        return np.asarray((self.utility - price[self.type] * self.gpus).argmax(axis=1))

    def used(self, option: go.IntArray) -> go.FloatArray:
        """(R,) GPUs of each type that the options take."""
        return np.bincount(
            self.type[self.rows, option], weights=self.gpus[self.rows, option], minlength=self.types
        ).astype(np.float64)

    def value(self, option: go.IntArray) -> float:
        """Sum of utilities."""
        return float(self.utility[self.rows, option].sum())

    def coded(self, option: go.IntArray) -> go.IntArray:
        """The options as choices: a configuration, KEEP or IDLE."""
        last = self.utility.shape[1] - 1
        return np.where(option == last, IDLE, np.where(option == last - 1, KEEP, option))


def _bisect(options: Options, size: go.FloatArray) -> go.FloatArray:
    """The least price at which the jobs ask for no more GPUs than there are."""
    low, high = 0.0, 1.0
    while (options.used(options.best(np.array([high]))) > size).any() and high < 1e100:
        low, high = high, high * 8.0
    for _ in range(BISECTIONS):
        if (options.used(options.best(np.zeros(1))) <= size).all():
            return np.zeros(1)
        middle = 0.5 * (low + high)
        if (options.used(options.best(np.array([middle]))) > size).any():
            low = middle
        else:
            high = middle
        if high - low <= 1e-12 * high:
            break
    return np.array([high])


def _cutting_planes(options: Options, size: go.FloatArray) -> go.FloatArray:
    """Minimise D over prices: each round adds the plane that touches D at the last point (Kelley)."""
    types = len(size)
    price = np.zeros(types)
    planes: list[tuple[float, go.FloatArray]] = []
    best, least = price, np.inf
    for _ in range(CUTS):
        option = options.best(price)
        value, slope = options.value(option), size - options.used(option)
        if value + slope @ price < least:
            best, least = price, value + float(slope @ price)
        planes.append((value, slope))
        lhs = np.array([[*plane, -1.0] for _, plane in planes])
        rhs = np.array([-value for value, _ in planes])
        top = 10.0 * max(1.0, float(np.abs(price).max()))
        found = optimize.linprog(
            [*np.zeros(types), 1.0], A_ub=lhs, b_ub=rhs, bounds=[(0, top)] * types + [(None, None)], method="highs"
        )
        if found.status != 0 or least - found.fun <= 1e-9 * max(1.0, abs(least)):
            break
        price = found.x[:types]
    return best


def _fill(options: Options, option: go.IntArray, size: go.FloatArray) -> go.IntArray:
    """Drop the least loss per GPU while too many are used, then add the best gain per GPU that still fits."""
    used = options.used(option)
    while True:
        gain = options.utility - options.utility[options.rows, option][:, None]
        here, there = options.type[options.rows, option], options.type
        held = options.gpus[options.rows, option]
        more = options.gpus - np.where(here[:, None] == there, held[:, None], 0.0)
        room = (size - used)[there]
        over = used > size + 1e-9
        if over.any():  # shrink a job on an overfull type
            step = np.where((more < 0) & over[there] & np.isfinite(gain), -gain / np.maximum(-more, 1e-9), np.inf)
            at = int(np.argmin(step))
            if not np.isfinite(step.flat[at]):
                return options.coded(option)
        else:
            with np.errstate(over="ignore"):  # an infinite gain is taken first
                step = np.where((gain > 1e-12) & (more <= room + 1e-9), gain / np.maximum(more, 1e-9), -np.inf)
            at = int(np.argmax(step))
            if not step.flat[at] > 0:
                return options.coded(option)
        option = option.copy()
        option[at // gain.shape[1]] = at % gain.shape[1]
        used = options.used(option)
