"""A packing plan: duty cycles of GPUs, and the whole GPUs that a session's rate fills by itself.

On the shared matrix a duty cycle is a column: its members are the sessions on the GPU, each with the fraction
X_kj = l_k(b_k) / d_j of the GPU's time and the rate b_k / d_j; x counts how many GPUs repeat it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from gavelopt.labels import Labels
from gavelopt.model.allocation import Allocation
from gavelopt.model.arrays import IntArray, read_only
from gavelopt.model.latency import US_PER_MS
from gavelopt.model.packing import MICRO, UNLIMITED, PackingInstance
from gavelopt.model.space import AllocationSpace

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DutyCycle:
    """``count`` GPUs of one type that each repeat a cycle of ``duty_us`` microseconds.

    sessions, batches: in every cycle, one batch of each of these sessions (by position in the instance).
    """

    accelerator: int
    duty_us: int
    sessions: tuple[int, ...]
    batches: tuple[int, ...]
    count: int = 1

    def rate_urps(self, member: int) -> Fraction:
        """Microrequests per second of the member at this position, on one of the GPUs; exact."""
        return Fraction(self.batches[member] * MICRO * MICRO, self.duty_us)


@dataclass(frozen=True, eq=False)
class PackingPlan:
    """What every packing method returns. sessions, accelerators: the axes of the instance."""

    sessions: Labels
    accelerators: Labels
    cycles: tuple[DutyCycle, ...]

    def __init__(self, instance: PackingInstance, cycles: Iterable[DutyCycle]) -> None:
        put = object.__setattr__
        put(self, "sessions", instance.sessions.names)
        put(self, "accelerators", instance.accelerators)
        counted: Counter[DutyCycle] = Counter()
        for cycle in cycles:
            counted[DutyCycle(cycle.accelerator, cycle.duty_us, cycle.sessions, cycle.batches)] += cycle.count
        merged = (DutyCycle(c.accelerator, c.duty_us, c.sessions, c.batches, n) for c, n in counted.items() if n > 0)
        put(self, "cycles", tuple(merged))

    @cached_property
    def gpus(self) -> int:
        """GPUs in use, of all types."""
        return sum(cycle.count for cycle in self.cycles)

    @cached_property
    def per_type(self) -> IntArray:
        """(R,) GPUs in use of each type."""
        used = np.zeros(len(self.accelerators), dtype=np.int64)
        for cycle in self.cycles:
            used[cycle.accelerator] += cycle.count
        return read_only(used)

    def rows(self, instance: PackingInstance) -> list[dict[str, Any]]:
        """One dictionary a session on a duty cycle: GPU, count, accelerator, duty cycle, batch, latency, occupancy, rate."""
        found = []
        for number, cycle in enumerate(self.cycles):
            for at, (session, batch) in enumerate(zip(cycle.sessions, cycle.batches, strict=True)):
                curve = instance.curve(session, cycle.accelerator)
                latency = curve.latency(batch) if curve is not None and 0 < batch <= len(curve) else 0
                found.append(
                    {
                        "gpu": number,
                        "count": cycle.count,
                        "accelerator": self.accelerators[cycle.accelerator],
                        "duty_cycle_ms": cycle.duty_us / US_PER_MS,
                        "session": self.sessions[session],
                        "batch": batch,
                        "latency_ms": latency / US_PER_MS,
                        "worst_case_ms": (cycle.duty_us + latency) / US_PER_MS,
                        "share": latency / cycle.duty_us,
                        "rate_rps": float(cycle.rate_urps(at) * cycle.count / MICRO),
                    }
                )
        return found

    def to_frame(self, instance: PackingInstance) -> pd.DataFrame:
        """The rows as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.rows(instance))

    def to_dict(self) -> dict[str, Any]:
        """Plain Python, ready for JSON."""
        return {
            "gpus": [
                {
                    "accelerator": self.accelerators[cycle.accelerator],
                    "count": cycle.count,
                    "duty_cycle_ms": cycle.duty_us / US_PER_MS,
                    "batches": {self.sessions[k]: b for k, b in zip(cycle.sessions, cycle.batches, strict=True)},
                }
                for cycle in self.cycles
            ]
        }

    def allocation(self, instance: PackingInstance) -> Allocation:
        """The plan as the shared matrix: (session, accelerator) is GPU time, columns are duty cycles, x counts GPUs."""
        rows, columns, shares, rates = [], [], [], []
        for column, cycle in enumerate(self.cycles):
            for at, (session, batch) in enumerate(zip(cycle.sessions, cycle.batches, strict=True)):
                curve = instance.curve(session, cycle.accelerator)
                assert curve is not None  # the judge has checked it
                rows.append(session)
                columns.append(column)
                shares.append(curve.latency(batch) / cycle.duty_us)
                rates.append(float(cycle.rate_urps(at) / MICRO))
        shape = (len(self.sessions), len(self.cycles))
        held = [cycle.accelerator for cycle in self.cycles]
        use = sparse.csc_array(
            (np.ones(len(held)), (held, np.arange(len(held)))), shape=(len(self.accelerators), len(held))
        )
        space = AllocationSpace.from_columns(
            self.sessions,
            self.accelerators,
            instance.count,
            sparse.csc_array((rates, (rows, columns)), shape=shape),
            sparse.csc_array((shares, (rows, columns)), shape=shape),
            use,
            np.full(len(self.sessions), float(max(self.gpus, 1))),
        )
        return Allocation(space, np.array([cycle.count for cycle in self.cycles], dtype=np.float64))

    def __repr__(self) -> str:
        return f"PackingPlan({self.gpus} GPUs, {len(self.cycles)} different duty cycles)"


@dataclass(frozen=True, eq=False)
class Saturation:
    """Nexus's first phase, which is part of the ``unsplit`` problem: whole GPUs that one session fills.

        n_k = floor(R_k / T_k) GPUs with batch B_k and d = l(B_k);    residual r_k = R_k - n_k T_k

    The type is the one of lowest price per request, then the next when its count runs out (sessions in order).
    whole: (K, R) GPUs n; residual_urps: (K,) microrequests per second left over, rounded up.
    """

    whole: IntArray
    residual_urps: IntArray

    def cycles(self, instance: PackingInstance) -> list[DutyCycle]:
        """The whole GPUs as duty cycles."""
        return [
            DutyCycle(
                int(r),
                int(instance.best_latency_us[k, r]),
                (int(k),),
                (int(instance.best_batch[k, r]),),
                int(self.whole[k, r]),
            )
            for k, r in np.argwhere(self.whole > 0)
        ]


def saturate(instance: PackingInstance, price: IntArray) -> Saturation:
    """The first phase at the (R,) ``price`` of a GPU of each type."""
    batch, latency = instance.best_batch, instance.best_latency_us
    whole = np.zeros(batch.shape, dtype=np.int64)
    residual = instance.sessions.rate_urps.copy()
    left = [int(min(count, UNLIMITED)) for count in instance.count]
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(batch > 0, price * latency / batch, np.inf)  # price per request
    order = np.argsort(each, axis=1, kind="stable")
    for k in range(len(residual)):
        rate = int(residual[k])
        for r in order[k].tolist():
            served, time = int(batch[k, r]) * MICRO * MICRO, int(latency[k, r])  # a GPU serves served / time
            if not served:
                break
            full = rate * time // served
            full += (rate - full * served // time) * time > served  # within rounding of the peak: one more whole GPU
            taken = min(full, left[r])
            whole[k, r] = taken
            rate = max(rate - taken * served // time, 0)
            left[r] -= taken
        residual[k] = rate
    return Saturation(read_only(whole), read_only(residual))
