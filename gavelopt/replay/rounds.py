"""Gavel's round mechanism: from fractions X of time to whole gangs that hold one type for one round at a time.

State, from one solve (reset) to the next: clock_ic, the seconds that combination c (a job, or two that share) has had on type
j since the reset, started at half a round so that nothing is divided by zero; and the deficit, sum of X dt - received, which is
carried over resets. Every round:

    priority_cj = X_cj / clock_cj  (0 where X_cj = 0),  ordered by (priority, deficit, X), all falling
    types are visited, the fastest on average first (in random order where the policy does not know types apart); a
    combination is taken if none of its jobs has a place yet, it can run there, and its gang fits; otherwise the next (backfill)

X/f of the paper orders the same way within a type: f divides every clock of the type by one number. Combinations without a
claim (X = 0) come last and use what is left over: the mechanism is work conserving. A job that keeps its type keeps its
accelerators (its lease is extended: larger gangs are placed first, so that is always possible) and pays no restart. Arrivals
enter, and the policy is solved again, at round boundaries; a round ends early only when all that it runs is done.

How far from X? On one accelerator, sum_i X_i = 1, between two resets, the rule is Webster's (Sainte-Lague's) apportionment of
the rounds. There is a lambda with  a_i - 1/2 <= lambda X_i <= a_i + 1/2  for the a_i rounds of every job; summed over n jobs,
|lambda - k| <= n/2 after k rounds, hence

    |received_i - X_i k round|  <=  (1 + n X_i) / 2 rounds        for every job, at every moment

In general there is no bound: X may promise a gang time on a type whose holes are always too small, and a job cannot be on two
types in one round. Therefore the deviation is measured: ``Replay.deviation_s`` with ``promised_s`` and ``received_s``.

What differs from Gavel's simulator: steps are not cut to whole numbers at the end of a round; the policy may be solved as
often as every round (``min_resolve_s`` = 1920 is Gavel's); restarts can cost time.
Reference: Narayanan et al., OSDI 2020, section 5 and algorithm 1; Gavel's scheduler.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.instance import Instance
from gavelopt.replay.arrivals import Arrivals
from gavelopt.replay.granting import Grant, Granting, Progress
from gavelopt.replay.log import Log
from gavelopt.replay.queueing import Outcome, whole_accelerators

DONE = 1e-9  # part of its steps below which a job is done
NOTHING = 1e-9  # X below it is a solver's rounding and no claim


@dataclass(eq=False)
class Seats:
    """Where every job of the trace sits: (J,) type held in the last round (-1 none), partner, and its open segment."""

    type: IntArray
    partner: IntArray
    since: FloatArray
    steps: FloatArray
    lost: FloatArray
    owed: FloatArray
    rows: list[tuple[float, ...]] = field(default_factory=list, init=False)

    @classmethod
    def empty(cls, jobs: int) -> Seats:
        """Nobody sits."""
        none = np.full(jobs, -1)
        zeros = {name: np.zeros(jobs) for name in ("since", "steps", "lost", "owed")}
        return cls(none, none.copy(), **zeros)

    def close(self, jobs: IntArray, end: FloatArray) -> None:
        """End the segments of ``jobs`` (that sit) at ``end`` (same length)."""
        columns = (jobs, self.type[jobs], self.partner[jobs], self.since[jobs], end, self.steps[jobs], self.lost[jobs])
        self.rows += [row for row in zip(*(c.tolist() for c in columns), strict=True) if row[4] > row[3]]
        self.type[jobs], self.partner[jobs] = -1, -1

    def log(self, scale: IntArray) -> Log:
        """All closed segments of jobs with these scale factors."""
        names = ("job", "accelerator", "partner", "start_s", "end_s", "steps", "restart_s")
        table = np.array(self.rows, dtype=np.float64).reshape(-1, len(names))
        return Log.of(**dict(zip(names, table.T, strict=True)), gang=scale[table[:, 0].astype(np.int64)])


class Rounds:
    """A replay in rounds; ``run`` is all of its use."""

    def __init__(
        self, instance: Instance, granting: Granting, round_s: float, restart_s: float, min_resolve_s: float
    ) -> None:
        jobs = instance.jobs
        assert jobs.steps is not None
        self.instance, self.granting = instance, granting
        self.round_s, self.restart_s, self.min_resolve_s = round_s, restart_s, min_resolve_s
        self.steps, self.scale = jobs.steps, jobs.scale_factor
        self.free, self.arrivals = whole_accelerators(instance), Arrivals.of(jobs.arrival_s, granting.able)
        self.progress, self.seats = Progress.start(instance), Seats.empty(len(jobs))
        self.finish = np.where(self.steps == 0, jobs.arrival_s, np.nan)
        self.start = self.finish.copy()
        self.preemptions, self.kept, self.renewable = np.zeros(len(jobs), dtype=np.int64), 0, 0
        shape = (len(jobs), len(instance.cluster))
        self.promised, self.received, self.deficit = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.types = np.argsort(-granting.rates.mean(axis=0), kind="stable") if len(jobs) else np.arange(shape[1])
        self.blind = granting.policy.assumed_rates(instance) is not None if len(jobs) else False
        self.random = np.random.default_rng(granting.seed)

    def run(self) -> Outcome:
        """Round after round, until every job that can run is done."""
        active, now, solved, changed = np.zeros(0, dtype=np.int64), 0.0, -np.inf, True
        grant, clock = None, np.zeros((0, 0))
        while len(active) or np.isfinite(self.arrivals.next_s):
            if not len(active):
                now = max(now, self.arrivals.next_s)
            entered = self.arrivals.enter(now)
            changed = changed or len(entered) > 0
            active = np.union1d(active, entered)
            if grant is None or (changed and now - solved >= self.min_resolve_s - 1e-9):
                grant, solved, changed = self.granting.ask(now, active, self.progress), now, False
                clock = np.full(grant.time.shape, self.round_s / 2)
            elif changed:
                grant, clock = self._patched(grant, clock, active)
            placed, slot = self._place(grant, clock)
            ended, now = self._work(grant, clock, placed, slot, now)
            changed = changed or len(ended) > 0
            active = np.setdiff1d(active, ended)
        sitting = np.flatnonzero(self.seats.type >= 0)
        self.seats.close(sitting, np.full(len(sitting), now))
        further = {"promised_s": self.promised, "received_s": self.received, **self.granting.counted}
        further |= {"kept": self.kept, "renewable": self.renewable}
        return Outcome(self.finish, self.start, self.preemptions, self.seats.log(self.scale), further)

    def _patched(self, grant: Grant, clock: FloatArray, active: IntArray) -> tuple[Grant, FloatArray]:
        """The grant for changed jobs until the next solve: those who left are dropped, newcomers have no claim."""
        here = np.isin(grant.members[:, 0], active) & ((grant.members[:, 1] < 0) | np.isin(grant.members[:, 1], active))
        new = np.setdiff1d(active, grant.members[grant.members[:, 1] < 0, 0])
        types = grant.time.shape[1]
        alone = np.stack([self.granting.rates[new], np.zeros((len(new), types))], axis=2)
        stay = np.isin(grant.active, active)
        patched = Grant(
            np.concatenate([grant.active[stay], new]),
            np.vstack([grant.members[here], np.column_stack([new, np.full(len(new), -1)])]),
            np.vstack([grant.time[here], np.zeros((len(new), types))]),
            np.concatenate([grant.rates[here], alone]),
            np.concatenate([grant.isolated[stay], np.zeros(len(new))]),
        )
        return patched, np.vstack([clock[here], np.full((len(new), types), self.round_s / 2)])

    def _place(self, grant: Grant, clock: FloatArray) -> tuple[IntArray, IntArray]:
        """(J,) type of each job in this round (-1 none) and the combination behind it; partners are written to the seats."""
        from gavelopt.replay.round_kernel import hand_out_round, most_urgent_first

        claim = np.where(grant.time > NOTHING, grant.time, 0.0)
        order = most_urgent_first(claim / clock, self.deficit[grant.members[:, 0]], claim)
        types = self.random.permutation(len(self.free)) if self.blind else self.types
        placed, partner, slot = (np.full(len(self.steps), -1) for _ in range(3))
        gang = self.scale[grant.members[:, 0]]
        hand_out_round(order, types, grant.members, gang, grant.rates, self.free.copy(), placed, partner, slot)
        self.next_partner = partner
        return placed, slot

    def _work(
        self, grant: Grant, clock: FloatArray, placed: IntArray, slot: IntArray, now: float
    ) -> tuple[IntArray, float]:
        """One round: move the jobs, let them work, book the time. Returns (jobs that ended, the end of the round)."""
        run = np.flatnonzero(placed >= 0)
        self._seat(placed, now)
        side = (grant.members[slot[run], 0] != run).astype(np.int64)
        rate = grant.rates[slot[run], placed[run], side]
        needed = self.seats.owed[run] + self.progress.left[run] / rate
        idle = len(run) == 0 or bool((needed <= self.round_s).all())
        length = float(needed.max(initial=0.0)) if idle and len(run) else self.round_s
        spent = np.minimum(needed, length)
        lost = np.minimum(self.seats.owed[run], spent)
        made = np.zeros(len(self.steps))
        made[run] = np.minimum(rate * (spent - lost), self.progress.left[run])
        self.progress.advance(grant, made)
        done = (needed <= length) | (self.progress.left[run] <= DONE * self.steps[run])
        self.seats.owed[run] -= lost
        self.seats.lost[run] += lost
        self.seats.steps[run] += made[run] + np.where(done, self.progress.left[run], 0.0)
        ended = run[done]
        self.progress.left[ended], self.finish[ended] = 0.0, now + spent[done]
        self._book(grant, clock, run, placed, slot, spent, length)
        self.seats.close(ended, self.finish[ended])
        return ended, now + length

    def _seat(self, placed: IntArray, now: float) -> None:
        """Close the segments of jobs whose type or partner changes, open the new ones."""
        seats = self.seats
        same = (placed == seats.type) & (self.next_partner == seats.partner)
        before, ran = seats.type >= 0, ~np.isnan(self.start)
        leaving = np.flatnonzero(before & ~same)
        moved = before & (placed != seats.type)
        self.preemptions += moved
        self.kept += int((before & (placed == seats.type)).sum())
        self.renewable += int(before.sum())
        coming = (placed >= 0) & ~same
        fresh = coming & (placed != seats.type)
        seats.close(leaving, np.full(len(leaving), now))
        seats.owed[fresh] = np.where(ran[fresh], self.restart_s, 0.0)
        self.start[coming & ~ran] = now
        seats.since[coming], seats.steps[coming], seats.lost[coming] = now, 0.0, 0.0
        seats.type[coming], seats.partner[coming] = placed[coming], self.next_partner[coming]

    def _book(
        self,
        grant: Grant,
        clock: FloatArray,
        run: IntArray,
        placed: IntArray,
        slot: IntArray,
        spent: FloatArray,
        length: float,
    ) -> None:
        """Clocks of the combinations that ran, and what was promised to and received by every job."""
        first = grant.members[slot[run], 0] == run
        clock[slot[run[first]], placed[run[first]]] += spent[first]
        self.received[run, placed[run]] += spent
        self.deficit[run, placed[run]] -= spent
        for side in (0, 1):
            there = grant.members[:, side] >= 0
            for book in (self.promised, self.deficit):
                np.add.at(book, grant.members[there, side], grant.time[there] * length)


def replay_rounds(
    instance: Instance, granting: Granting, round_s: float, restart_s: float, min_resolve_s: float
) -> Outcome:
    """Replay a trace by Gavel's round mechanism; see the head of this file."""
    return Rounds(instance, granting, round_s, restart_s, min_resolve_s).run()
