"""Why a job got what it got: what each accelerator type is worth to it against what the type costs.

At the optimum there are prices y of accelerators and w of jobs' time such that, with g the marginal worth of throughput
(and v that of a rate floor),

    margin_ij = (g_i T_ij + v_i T'_ij) - s_i y_j  <=  w_i     equal wherever X_ij > 0;  w_i > 0 only if i runs all the time

(T believed by the policy, T' measured). So a job takes the types with the largest margin, if that is not negative; it stops
because its time is used up (w_i > 0), because the next accelerator costs what it is worth (w_i = 0), or because the policy
gains nothing from its running faster (g_i = 0). Two jobs that share accelerators pay once: the partner's worth and time
count too. All figures are in the unit of the policy's value, positive where it gets better.
"""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gavelopt.engine.problem import Problem
from gavelopt.errors import InputError
from gavelopt.judge.fairness import entitlements, fair_rates
from gavelopt.model.solution import Prices, Solution

# presentation is bound by name, so that the engine does not depend on it
SENTENCES = "gavelopt.report.explanations:sentences"
TEXT = "gavelopt.report.explanations:explanation_text"
TIED = 1e-3  # margins that differ by less than this part of worth and price count as equal
NOISE = 1e-9  # a margin below this part of worth and price is 0
HELD = 1e-6  # time below which a job does not count as being on a type
IMPOSSIBLE = ("gang", "unknown", "cannot")


@dataclass(frozen=True)
class Offer:
    """One way for the job to run: a type, alone or with ``partner`` on the same accelerators.

    time: fraction it has; rate: throughput there; worth, price, margin: of all its time there, None without prices.
    verdict: ``used``, ``dearer`` (costs more than it is worth), ``tie``, ``less`` (another type is worth more of its time),
    ``gang`` (too large), ``unknown`` (rate), ``cannot`` (rate 0), ``worthless`` (the policy gains nothing) or ``open``
    (no prices: not known).
    """

    accelerator: str
    partner: str | None
    time: float
    rate: float
    worth: float | None
    price: float | None
    margin: float | None
    verdict: str


@dataclass(frozen=True)
class Explanation:
    """Why ``job`` got what it got; ``print`` it.

    binding: what keeps the job from more: ``time``, ``price``, ``enough`` (the policy gains nothing from more), ``gang``,
    ``unknown`` (its rates), ``cannot`` (run anywhere), ``rule`` (a closed form gives no choice) or ``not priced``.
    rate, fair_rate: its throughput, and that of an equal slice of the cluster, in ``rate_unit``; share: its time on any type.
    worth_of_rate, worth_of_floor, worth_of_time: of one more unit of throughput, of a floor lower by one unit, of one more
    unit of time, in ``unit``; None without prices.
    times_worst: under a minimum, how far it stands above the worst-off job; deciders: jobs whose throughput decides the value.
    """

    job: str
    policy: str
    method: str
    status: str
    binding: str
    gang: int
    rate: float
    fair_rate: float
    share: float
    rate_unit: str
    unit: str
    worth_of_rate: float | None
    worth_of_floor: float | None
    worth_of_time: float | None
    believes: bool
    times_worst: float | None
    deciders: tuple[str, ...]
    offers: tuple[Offer, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The explanation in words."""
        return tuple(_late(SENTENCES)(self))

    def to_dict(self) -> dict[str, Any]:
        """Everything, the sentences too, as plain Python, ready for JSON."""
        return {**asdict(self), "sentences": list(self.sentences)}

    def __str__(self) -> str:
        return str(_late(TEXT)(self))


def explain_job(solution: Solution, job: str) -> Explanation:
    """Explain one job of a training solution.

    Raises:
        InputError: no such job; the solution has no allocation; an instance of another kind than "training".
    """
    if solution.instance.kind != "training":
        raise InputError("only training jobs can be explained", seen=f"an instance of kind {solution.instance.kind!r}")
    position = solution.instance.jobs.names.index(job)
    if solution.allocation is None:
        raise InputError("no allocation to explain", seen=f"status {solution.status}", fix=solution.message or None)
    return _Case(solution, position).explanation()


class _Case:
    """One job of one solution, and what its explanation is made of."""

    def __init__(self, solution: Solution, job: int) -> None:
        assert solution.allocation is not None
        self.solution, self.job = solution, job
        self.instance, self.allocation = solution.instance, solution.allocation
        self.gang = int(self.instance.jobs.scale_factor[job])
        self.sign = 1.0 if solution.policy.sense == "max" else -1.0

    @cached_property
    def problem(self) -> Problem:
        return Problem(self.instance, self.solution.policy)

    @cached_property
    def prices(self) -> Prices | None:
        """The prices, where they say all that an explanation needs."""
        prices = self.solution.prices
        return None if prices is None or prices.throughput is None or prices.jobs is None else prices

    def worth_of(self, column: str, job: int) -> float:
        """A job's entry of a column of Prices, positive where the value gets better; 0 where there is none."""
        values = getattr(self.prices, column)
        return 0.0 if values is None else self.sign * float(values[job]) + 0.0

    # --- offers -----------------------------------------------------------------------------------------------------
    @cached_property
    def offers(self) -> list[Offer]:
        return [self._alone(column) for column in range(len(self.instance.cluster))] + self._shared()

    def _alone(self, column: int) -> Offer:
        instance, job = self.instance, self.job
        time = float(self.allocation.x[job * len(instance.cluster) + column])
        measured = float(instance.throughputs.rates[job, column])
        place, impossible = instance.cluster.accelerators[column], self._impossible(column)
        if impossible is not None:
            return Offer(place, None, time, measured, None, None, None, impossible)
        if self.prices is None:
            return Offer(place, None, time, measured, None, None, None, "used" if time > HELD else "open")
        grid = self.problem.space.grid
        assert grid is not None
        believed = float(grid.table[job, column])
        worth = self.worth_of("throughput", job) * believed + self.worth_of("floors", job) * measured
        return self._priced(place, None, time, measured, worth, self.gang * self.worth_of("per_accelerator", column))

    def _impossible(self, column: int) -> str | None:
        instance, job = self.instance, self.job
        if not instance.throughputs.known_cells[job, column]:
            return "unknown"
        if instance.throughputs.rates[job, column] <= 0:
            return "cannot"
        return None if instance.usable[job, column] else "gang"

    def _shared(self) -> list[Offer]:
        """The pair columns in which the job has time."""
        shared = self.allocation.space.shared
        if shared is None:
            return []
        time = self.allocation.x[self.instance.rates.size :]
        mine = np.flatnonzero((shared.members == self.job).any(axis=1) & (time > HELD))
        return [self._together(int(pair), float(time[pair])) for pair in mine]

    def _together(self, pair: int, time: float) -> Offer:
        shared = self.allocation.space.shared
        assert shared is not None
        column, here = int(shared.resource[pair]), int(shared.members[pair, 1] == self.job)
        partner = int(shared.members[pair, 1 - here])
        rates = {self.job: float(shared.rates[pair, here]), partner: float(shared.rates[pair, 1 - here])}
        place, other = self.instance.cluster.accelerators[column], self.instance.jobs.names[partner]
        if self.prices is None:
            return Offer(place, other, time, rates[self.job], None, None, None, "used")
        factor = self.solution.policy.rate_factor(self.instance)
        believed = 1.0 if factor is None else float(factor[column])
        worth = sum(
            (self.worth_of("throughput", job) * believed + self.worth_of("floors", job)) * rate
            for job, rate in rates.items()
        )
        price = float(shared.use[pair]) * self.worth_of("per_accelerator", column) + self.worth_of("jobs", partner)
        return self._priced(place, other, time, rates[self.job], worth, price)

    def _priced(self, place: str, partner: str | None, time: float, rate: float, worth: float, price: float) -> Offer:
        size = max(abs(worth), abs(price))
        margin = 0.0 if abs(worth - price) <= NOISE * size else worth - price
        if time > HELD:
            verdict = "used"
        elif worth <= 0.0:
            verdict = "worthless"
        elif margin < -TIED * size:
            verdict = "dearer"
        else:
            verdict = "tie" if margin >= self.worth_of("jobs", self.job) - TIED * size else "less"
        return Offer(place, partner, time, rate, worth, price, margin, verdict)

    # --- what holds it back -----------------------------------------------------------------------------------------
    @cached_property
    def binding(self) -> str:
        verdicts = {offer.verdict for offer in self.offers}
        if verdicts <= set(IMPOSSIBLE):
            return next(reason for reason in IMPOSSIBLE if reason in verdicts or reason == "cannot")
        if self.solution.guarantee == "rule":
            return "rule"
        if self.allocation.shares[self.job] >= 1.0 - HELD:
            return "time"
        if self.prices is None:
            return "not priced"
        wanted = self.worth_of("throughput", self.job) > 0.0 or self.worth_of("floors", self.job) > 0.0
        return "price" if wanted else "enough"

    def _standing(self) -> tuple[float | None, tuple[str, ...]]:
        """Under a minimum: this job's utility over the smallest one, and the jobs that decide it."""
        utility, names = self.problem.utility, self.instance.jobs.names
        if utility is None or utility.p != -np.inf or self.prices is None or self.prices.throughput is None:
            return None, ()
        rates = (
            self.problem.space.rate(self.allocation.x)
            if self.allocation.space.shared is None
            else self.allocation.rates
        )
        u, on = utility.per_job(rates), utility.active
        least = float(u[on].min(initial=np.inf))
        times = float(u[self.job]) / least if on[self.job] and 0.0 < least < np.inf else None
        return times, tuple(names[int(job)] for job in np.flatnonzero(self.sign * self.prices.throughput > 0.0))

    def explanation(self) -> Explanation:
        solution, instance, job = self.solution, self.instance, self.job
        times, deciders = self._standing()
        priced = self.prices is not None
        return Explanation(
            job=instance.jobs.names[job],
            policy=solution.policy.describe(),
            method=solution.method,
            status=solution.status,
            binding=self.binding,
            gang=self.gang,
            rate=float(self.allocation.rates[job]),
            fair_rate=float(fair_rates(instance, entitlements(instance, "equal"))[job]),
            share=float(self.allocation.shares[job]),
            rate_unit=instance.throughputs.unit,
            unit=solution.unit,
            worth_of_rate=self.worth_of("throughput", job) if priced else None,
            worth_of_floor=self.worth_of("floors", job) if priced else None,
            worth_of_time=self.worth_of("jobs", job) if priced else None,
            believes=solution.policy.assumed_rates(instance) is not None,
            times_worst=times,
            deciders=deciders,
            offers=tuple(self.offers),
        )


def _late(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
