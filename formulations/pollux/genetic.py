"""Pollux's own optimiser, written for numpy: a genetic algorithm over (jobs x nodes) matrices of GPUs.

    objectives   -FITNESS_p, and -(cluster utility): sum_j speedup_j / K_j times the job's share of the GPUs of active nodes
    crossover    at one job: its rows and all above come from the other parent
    mutation     a row goes back to the present one with probability 0.1; one row in ten loses each entry with probability
                 0.1; where a node has free GPUs, entries are raised to a random number, one a node and one of the job's own
    repair       rows that may not move; from a node's second distributed job on, all its jobs leave; at most K_max GPUs and
                 16 nodes a job, over nodes in random order; node capacity, earlier jobs first; below K_min a job leaves

Population 100, 100 generations; the first population is the present plan, or ``start`` (a population of an earlier solution's
``details``, or plans). The fittest plan found is returned: no bound.

Jobs come in the instance's order (the OSDI code: least attained service first). Differs from the code: the restart factor is
the policy's (see ``fitness.py``); utility counts speedups as they are, not scaled by the nodes' share; K_min does not raise
entries before the repair. Reference: Pollux, OSDI 2021, section 4.3; adaptdl_sched/policy/pollux.py of branch osdi21-artifact.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import numpy as np

import gavelopt as go
from formulations.pollux.nsga2 import Operators, Population, first_generation, next_generation
from formulations.pollux.question import Question, answer

MOST_NODES = 16


def genetic(
    problem: go.Problem,
    population: int = 100,
    generations: int = 100,
    start: object = None,
    progress: bool | None = None,
) -> go.Answer:
    """Evolve ``population`` plans for ``generations``; ``progress``: show a bar (by default on a terminal only)."""
    question = Question.of(problem)
    if len(question.instance.cluster) != 1:
        raise go.SolverError("the genetic algorithm knows one accelerator type; use exact, greedy or sia")
    random = np.random.default_rng(problem.seed)
    breeding = Breeding(question)
    operators = Operators(breeding.vary, breeding.score)
    states = breeding.repaired(_first_states(question, start), random)
    alive = first_generation(states, operators, population)
    done = 1
    for _ in _tracked(range(1, generations), progress):
        if problem.seconds_left == 0.0:
            break
        alive = next_generation(alive, operators, population, random)
        done += 1
    plan = breeding.allowed(alive.states[int(np.argmin(alive.values[:, 0]))])
    found = answer(question, plan, notes=(f"{done} generations",))
    return go.Answer(found.x, plan=plan, notes=found.notes, details={**found.details, "population": alive})


def _first_states(question: Question, start: object) -> go.IntArray:
    """(S, J, N) states to begin with."""
    shape = question.present.shape
    if start is None:
        return question.present[None]
    states = np.asarray(start.states if isinstance(start, Population) else start)
    states = states[None] if states.ndim == 2 else states
    if states.shape[1:] != shape or (states < 0).any() or (states != np.rint(states)).any():
        raise go.InputError(
            "start is no population of this instance",
            seen=states.shape,
            rule=f"whole numbers >= 0, (S, {shape[0]}, {shape[1]})",
        )
    return states.astype(np.int64)


def _tracked(steps: Iterable[int], progress: bool | None) -> Iterable[int]:
    if not (sys.stderr.isatty() if progress is None else progress):
        return steps
    from rich.console import Console
    from rich.progress import track

    return track(steps, description="generations", console=Console(stderr=True), transient=True)


class Breeding:
    """Variation, repair and scores of (P, J, N) states for one question."""

    def __init__(self, question: Question) -> None:
        self.question = question
        instance, speedups = question.instance, question.speedups
        jobs, ways = instance.jobs, speedups.ways
        self.base, self.capacity = question.present, instance.node_gpus
        self.pinned = speedups.pinned
        self.least = (jobs.min_replicas * jobs.gpus_per_replica).astype(np.int64)
        self.most = np.minimum(jobs.most_replicas * jobs.gpus_per_replica, int(self.capacity.sum())).astype(np.int64)
        size = max(int(ways.gpus.max(initial=1)), int(self.base.sum(axis=1).max(initial=0)))
        self.x = np.zeros((len(jobs), 2, size + 1))  # speedup by (one node or several, GPUs)
        self.x[:, ways.spread.astype(int), ways.gpus] = np.nan_to_num(speedups.of, nan=0.0)
        self.runs = speedups.kept
        self.rows = np.arange(len(jobs))

    def speedups(self, states: go.IntArray) -> go.FloatArray:
        """(P, J) speedup of every job in every state."""
        spread = ((states > 0).sum(axis=2) > 1).astype(np.int64)
        x = self.x[self.rows, spread, states.sum(axis=2)]
        same = (states == self.base).all(axis=2)
        return np.where(same & ~np.isnan(self.runs), np.nan_to_num(self.runs), x)

    def score(self, states: go.IntArray) -> go.FloatArray:
        """(P, 2) the objectives, to be made small."""
        x = self.speedups(states)
        means = [go.elastic.bounds.power_mean(row + self.question.epsilon, self.question.p) for row in x]
        gpus = states.sum(axis=2)
        active = (states.any(axis=1) * self.capacity).sum(axis=1)
        efficiency = np.divide(x, gpus, out=np.zeros_like(x), where=gpus > 0)
        share = np.divide(gpus, active[:, None], out=np.zeros_like(x), where=active[:, None] > 0)
        return -np.column_stack([means, (efficiency * share).sum(axis=1)])

    def vary(self, parents: go.IntArray, random: np.random.Generator) -> go.IntArray:
        """Offspring of parents taken two by two."""
        return self.repaired(self.mutated(self.crossed(parents, random), random), random)

    def crossed(self, parents: go.IntArray, random: np.random.Generator) -> go.IntArray:
        """Single-point crossover over job rows."""
        first, second = parents[0::2], parents[1::2]
        point = random.integers(parents.shape[1], size=(len(first), 1))
        swap = (self.rows < point)[:, :, None]
        return np.concatenate([np.where(swap, second, first), np.where(swap, first, second)])

    def mutated(self, states: go.IntArray, random: np.random.Generator) -> go.IntArray:
        """Back to the present row, holes, and raised entries."""
        back = random.random(states.shape[:2]) < 0.1
        states = np.where(back[:, :, None], self.base, states)
        holes = np.where(random.random(states.shape[:2]) < 0.1, 0.1, 0.0)
        states[random.random(states.shape) < holes[:, :, None]] = 0
        free = np.broadcast_to((self.capacity - states.sum(axis=1) > 0)[:, None, :], states.shape)
        own = free & (states > 0)
        one = free / np.maximum(free.sum(axis=1, keepdims=True), 1)
        two = own / np.maximum(own.sum(axis=1, keepdims=True), 1)
        chosen = np.nonzero(random.random(states.shape) < one + two - one * two)
        low, high = states[chosen], self.capacity[chosen[2]]
        states[chosen] = random.integers(low, np.maximum(high, low) + 1)
        return states

    def repaired(self, states: go.IntArray, random: np.random.Generator) -> go.IntArray:
        """The states, cut down to what the cluster and the jobs allow."""
        states = np.where(self.pinned[None, :, None], self.base, states)
        if self.question.apart:
            across = (states > 0).sum(axis=2) > 1
            first = np.argsort(~self.pinned, kind="stable")  # who may not be moved comes before all others
            stands = ((states > 0) & across[:, :, None])[:, first].cumsum(axis=1) > 1
            states[stands[:, np.argsort(first)]] = 0  # also what stands there alone, as in the code
        order = np.argsort(random.random(states.shape), axis=2)
        states = np.take_along_axis(states, order, axis=2)
        states = np.diff(np.minimum(states.cumsum(axis=2), self.most[:, None]), axis=2, prepend=0)
        states[((states > 0).cumsum(axis=2) > MOST_NODES) & (states > 0)] = 0
        states = np.take_along_axis(states, np.argsort(order, axis=2), axis=2)
        states = np.where(self.pinned[None, :, None], self.base, states)
        room = self.capacity - (self.base * self.pinned[:, None]).sum(axis=0)
        fits = np.minimum(np.where(self.pinned[None, :, None], 0, states).cumsum(axis=1), room)
        states = np.where(self.pinned[None, :, None], self.base, np.diff(fits, axis=1, prepend=0))
        return np.where((states.sum(axis=2) < self.least)[:, :, None] & ~self.pinned[None, :, None], 0, states)

    def allowed(self, state: go.IntArray) -> go.IntArray:
        """The state without the rows that no configuration allows (they are worth nothing)."""
        bad = np.isnan(self.question.speedups.of_plan(state)) & ~self.pinned
        return np.where(bad[:, None], 0, state)
