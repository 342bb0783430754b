"""A recorded stream of requests, and how it becomes the workload of some models.

trace.workload(["base", "lora-1"])          # by the names that the trace itself carries
trace.dealt_workload(24, exponent=0.5)      # a trace of one service dealt to 24 models of falling popularity
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gavelopt.errors import InputError
from gavelopt.model.arrays import FloatArray
from gavelopt.model.serving import Workload
from gavelopt.replay.requests import power_law_rates, refitted


@dataclass(frozen=True, eq=False)
class RequestTrace:
    """N requests in order of time.

    arrival_s: (N,) seconds from the first request; model: N names, or None where the trace names none.
    prompt_tokens, output_tokens: (N,) or None; service_s: (N,) measured service times, NaN unknown, or None.
    """

    arrival_s: FloatArray
    model: tuple[str, ...] | None = None
    prompt_tokens: FloatArray | None = None
    output_tokens: FloatArray | None = None
    service_s: FloatArray | None = None
    source: str | None = None

    def __len__(self) -> int:
        return len(self.arrival_s)

    @property
    def popularity(self) -> list[tuple[str, int]]:
        """(model, requests), most asked first."""
        return [] if self.model is None else sorted(Counter(self.model).items(), key=lambda pair: (-pair[1], pair[0]))

    @property
    def rate_rps(self) -> float:
        """Requests a second."""
        return len(self) / max(float(self.arrival_s[-1]), 1e-9) if len(self) else 0.0

    @property
    def cv(self) -> float:
        """Coefficient of variation of the gaps between arrivals: 1 for Poisson."""
        gaps = np.diff(self.arrival_s)
        return float(gaps.std() / gaps.mean()) if len(gaps) and gaps.mean() > 0 else float("nan")

    def arrivals_of(self, model: str) -> FloatArray:
        """The arrival times of one model."""
        return np.asarray(self.arrival_s[np.array([name == model for name in self._named()], dtype=bool)])

    def workload(
        self,
        models: Sequence[str],
        *,
        window_s: float | None = None,
        rate_scale: float = 1.0,
        cv_scale: float = 1.0,
        seed: int = 0,
    ) -> Workload:
        """The requests for ``models``, in that order of positions; other requests are left out.

        With ``window_s`` every model's arrivals are refitted window by window with scaled rate and burstiness.
        """
        streams = [self.arrivals_of(model) for model in models]
        if window_s is not None:
            windows = int(self.arrival_s[-1] // window_s) + 1 if len(self) else 0
            streams = [
                refitted(own, window_s, rate_scale=rate_scale, cv_scale=cv_scale, seed=seed + i * windows)
                for i, own in enumerate(streams)
            ]
        return Workload.of(streams)

    def dealt_workload(self, models: int, *, exponent: float | None = None, seed: int = 0) -> Workload:
        """All requests dealt to ``models`` models: round, or at random with power-law shares of the given exponent."""
        if exponent is None:
            asked = np.arange(len(self)) % models
        else:
            share = power_law_rates(1.0, models, exponent)
            asked = np.random.default_rng(seed).choice(models, len(self), p=share)
        return Workload(self.arrival_s, asked)

    def _named(self) -> tuple[str, ...]:
        if self.model is None:
            raise InputError("this trace does not say which model was asked for", fix="dealt_workload(models=...)")
        return self.model
