"""Numbers for the accelerators that each segment of a log holds: a colouring of intervals, with gangs kept on few servers."""

from __future__ import annotations

import numpy as np

from gavelopt.errors import GavelOptError, InputError
from gavelopt.model.instance import Instance
from gavelopt.replay.log import Log


def assign_devices(log: Log, instance: Instance) -> tuple[tuple[int, ...], ...]:
    """For each segment, the numbers (from 0, within the type) of the accelerators it holds from its start to its end.

    Segments are taken by start; among those that start together larger gangs go first. A gang takes the server with the
    fewest free accelerators that holds all of it, or else the emptiest servers in turn (servers of ``cluster.per_node``; one
    server where that is unknown). Two jobs that share accelerators get the same numbers.

    Raises:
        InputError: fractions of time, which have no whole accelerators (fluid mode).
    """
    if (log.share < 1.0).any():
        raise InputError("fractions of time hold no whole accelerators", fix="mode='rounds', or a queue discipline")
    scale = instance.jobs.scale_factor
    pools = [_Pool(int(count), node) for count, node in zip(instance.cluster.count, _nodes(instance), strict=True)]
    chosen: list[tuple[int, ...]] = [()] * len(log)
    running: dict[int, int] = {}  # job -> its open segment
    events = sorted(
        [(float(log.end_s[s]), 0, 0, s) for s in range(len(log))]
        + [(float(log.start_s[s]), 1, -int(scale[log.job[s]]), s) for s in range(len(log))]
    )
    for _, opens, _, segment in events:
        job, pool = int(log.job[segment]), pools[int(log.accelerator[segment])]
        if not opens:
            pool.give_back(chosen[segment])
            if running.get(job) == segment:
                del running[job]
            continue
        other = running.get(int(log.partner[segment]), -1)
        sharing = other >= 0 and int(log.partner[other]) == job and log.accelerator[other] == log.accelerator[segment]
        chosen[segment] = pool.join(chosen[other]) if sharing else pool.take(int(scale[job]))
        running[job] = segment
    return tuple(chosen)


def _nodes(instance: Instance) -> list[int]:
    per_node, count = instance.cluster.per_node, instance.cluster.count
    known = count if per_node is None else np.where(np.isnan(per_node), count, per_node)
    return [max(int(size), 1) for size in known]


class _Pool:
    """The accelerators of one type, in servers; ``users`` counts the segments on each."""

    def __init__(self, count: int, node: int) -> None:
        self.users = np.zeros(count, dtype=np.int64)
        self.server = np.arange(count) // node

    def take(self, gang: int) -> tuple[int, ...]:
        free = np.flatnonzero(self.users == 0)
        if len(free) < gang:
            raise GavelOptError(
                f"a gang of {gang} starts where {len(free)} accelerators are free: the log is impossible"
            )
        room = np.bincount(self.server[free], minlength=int(self.server[-1]) + 1)
        fitting = np.flatnonzero(room >= gang)
        if len(fitting):
            best = fitting[np.argmin(room[fitting])]
            found = free[self.server[free] == best][:gang]
        else:
            found = free[np.argsort(-room[self.server[free]], kind="stable")][:gang]
        return self.join(tuple(int(number) for number in found))

    def join(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        self.users[list(numbers)] += 1
        return numbers

    def give_back(self, numbers: tuple[int, ...]) -> None:
        self.users[list(numbers)] -= 1
