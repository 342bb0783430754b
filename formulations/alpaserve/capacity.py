"""The fewest devices for a target attainment over a trace, with a lower bound for every window.

Lower bound: the least D for which the judge's relaxation (all devices one interruptible machine, memory pooled; see
gavelopt/judge/serving_bound.py) allows the target. The relaxation of a longer trace averages bursts out, so the trace is
also cut into windows: a placement that must reach the target in every window needs at least the largest window bound.
Upper bound: the least D at which a method's placement reaches the target when simulated on the whole trace. Attainment is
not strictly monotone in D (more replicas can hurt), so the number found by bisection is reached, not proved least.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import gavelopt as go
from formulations.alpaserve.local import improve_best
from formulations.alpaserve.scoring import Scorer
from formulations.alpaserve.search import STARTS, search_code

MOST_DEVICES = 1024


@dataclass(frozen=True, eq=False)
class Capacity:
    """devices reach ``attainment`` with ``placement``; no placement on fewer than ``least`` devices reaches the target.

    starts_s, least_per_window: (W,) the windows and the least devices with which the target is possible within each.
    tried: {devices: attainment} of every number of devices that was tried.
    """

    target: float
    devices: int
    attainment: float
    placement: go.Placement
    least: int
    starts_s: go.FloatArray
    least_per_window: go.IntArray
    tried: dict[int, float]


Place = Callable[[go.PlacementInstance], go.Placement]


def searched(instance: go.PlacementInstance, effort: float = 2e7) -> go.Placement:
    """Algorithm 2 and a short improvement: the default way to place in ``fewest_devices``."""
    codes, _, _ = search_code(instance)
    code, _ = improve_best(Scorer(instance), codes[:STARTS], effort=effort)
    return instance.decode(code)


def fewest_devices(
    instance: go.PlacementInstance, target: float = 0.99, *, window_s: float | None = None, place: Place = searched
) -> Capacity:
    """The fewest devices found for ``target`` on the instance's requests, and bounds; its own device count is ignored.

    Raises:
        InputError: a target outside (0, 1]; more than MOST_DEVICES devices needed.
    """
    if not 0 < target <= 1:
        raise go.InputError("target out of range", seen=target, rule="0 < target <= 1")
    starts = _starts(instance, window_s)
    windows = [instance.workload.between(start, end) for start, end in zip(starts, [*starts[1:], np.inf], strict=True)]
    least = least_devices(instance, instance.workload, target)
    tried: dict[int, tuple[float, go.Placement]] = {}

    def attained(devices: int) -> float:
        sized = instance.with_devices(devices)
        placement = place(sized)
        tried[devices] = go.serving.simulate_serving(sized, placement).attainment, placement
        return tried[devices][0]

    low, high = max(least, 1) - 1, max(least, 1)
    while attained(high) < target:
        if high >= MOST_DEVICES:
            raise go.InputError(
                "target out of reach", seen=f"{tried[high][0]:.4f} on {high} devices", fix="a lower target"
            )
        low, high = high, min(2 * high, MOST_DEVICES)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if attained(middle) >= target else (middle, high)
    return Capacity(
        target,
        high,
        *tried[high],
        least,
        np.array(starts),
        np.array([least_devices(instance, own, target) for own in windows], dtype=np.int64),
        {devices: value for devices, (value, _) in sorted(tried.items())},
    )


def least_devices(instance: go.PlacementInstance, workload: go.Workload, target: float) -> int:
    """The least number of devices with which the relaxation lets ``target`` of the requests be in time."""
    wanted = int(np.ceil(target * workload.counts - 1e-9))

    def possible(devices: int) -> bool:
        return (
            go.serving.bound_good(instance.with_devices(devices), workload, measure=go.serving.compiled_work())
            >= wanted
        )

    if not wanted:
        return 0
    high = 1
    while not possible(high):
        if high >= MOST_DEVICES:
            raise go.InputError("target out of reach on any number of devices", seen=target, fix="a longer SLO")
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if possible(middle) else (middle, high)
    return high


def _starts(instance: go.PlacementInstance, window_s: float | None) -> list[float]:
    last = float(instance.workload.arrival_s[-1]) if len(instance.workload) else 0.0
    return [0.0] if window_s is None else np.arange(0.0, last + 1e-9, window_s).tolist()
