"""Squishy bin packing: as few GPUs as possible (or as cheap) for sessions with rates and latency objectives.

    minimise    sum_p c_p x_p                                     x_p GPUs repeat the duty cycle p; c_p = 1 or its price
    subject to  sum_p x_p b_kp / d_p >= R_k                       every session k
                sum_{p of type t} x_p <= N_t                      every type t that is not unlimited
    where       sum_k l_k(b_kp) <= d_p,   d_p + l_k(b_kp) <= L_k  every duty cycle p, every session on it
                sum_k memory_k(b_kp) <= memory_t                  where memory is known

On the shared matrix X_kj = l_k(b_kj) / d_j is the part of GPU j's time that session k gets, T_k = b / l_k(b) its measured
rate there: sum_k X_kj <= 1 and sum_j X_kj T_k >= R_k, with the coupling that a GPU's sessions share one d.

Three problems, three names:
- ``unsplit``  the paper's. First phase: floor(R_k / T_k) whole GPUs for each session, T_k its best b / l(b) with
               2 l(b) <= L_k. Second phase: each residual on exactly one GPU.
- ``split``    any session on any number of GPUs.
- ``online``   what the repository does: sessions placed one after the other, nothing moved again. No optimum of its own;
               its answer is held against the bounds of ``split``.
split <= unsplit <= any greedy, each strictly on some instances.

Reference: Shen et al., Nexus, SOSP 2019, section 6.1 and Appendix A. What differs: latencies are the suffix minimum of
the table and B_k is an argmax, because measured tables are not monotone (gavelopt/model/latency.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import gavelopt as go

AFFORDABLE = 150  # sessions that "auto" packs exactly; beyond, gaps are closed by luck and not by waiting
VARIANTS = ("unsplit", "split", "online")


def late(target: str) -> Callable[..., Any]:
    """A method's function, imported when it first runs: naming the policies loads no compiler and no solver."""
    module, _, name = target.partition(":")

    def run(problem: go.Problem, **options: Any) -> go.Answer:
        return getattr(import_module(f"formulations.nexus.{module}"), name)(problem, **options)  # type: ignore[no-any-return]

    return run


def affordable(instance: Any) -> bool:
    """Whether a proof is a matter of seconds, or of a minute at most."""
    return int((instance.sessions.rate_urps > 0).sum()) <= AFFORDABLE


def never(instance: Any) -> bool:
    """For methods that are taken only when asked for."""
    return False


BATCH_RULES = ("paper", "repository")
BATCH_RULE = {"batch_rule": go.options.one_of(BATCH_RULES)}
REPOSITORY_OPTIONS = {"profile_multiplier": go.options.number(1.0), "network_ms": go.options.number()}

METHODS = (  # the first is what "auto" takes where exact is not affordable
    go.Method("knapsack", late("knapsack:knapsack"), "heuristic", "repeatedly the fullest GPU over all cycles"),
    go.Method(
        "exact",
        late("exact:exact"),
        "exact",
        "column generation over duty cycles, then branch-and-price",
        {"search_seconds": go.options.number()},
        affordable,
    ),
    go.Method("greedy", late("greedy:greedy"), "heuristic", "the paper's best-fit decreasing", BATCH_RULE),
    go.Method(
        "greedy_repository",
        late("repository:greedy_repository"),
        "heuristic",
        "the repository's batch rule and online order",
        REPOSITORY_OPTIONS,
    ),
    go.Method(
        "batch_oblivious", late("oblivious:batch_oblivious"), "heuristic", "no sharing: GPUs in whole per session"
    ),
    go.Method(
        "replan",
        late("replan:replan"),
        "exact",
        "fewest GPUs, then fewest moves from a plan in use",
        {"previous": go.options.OBJECT},
        never,
    ),
    go.Method(
        "cpsat",
        late("compact_cpsat:cpsat"),
        "exact",
        "one compact model for CP-SAT, a cross-check",
        {"workers": go.options.whole(0)},
        never,
    ),
    go.Method(
        "milp",
        late("compact_milp:milp"),
        "exact",
        "one compact model for HiGHS, a cross-check of unsplit",
        affordable=never,
    ),
)
METHODS_OF = {
    "split": ("exact", "greedy", "greedy_repository", "knapsack", "batch_oblivious", "cpsat"),
    "online": ("greedy_repository",),
}


@dataclass(frozen=True)
class Squishy(go.Policy):
    """Pack sessions on the fewest GPUs. variant: unsplit, split or online; minimise: gpus, or cost (per hour)."""

    name = "squishy"
    kind = "packing"
    sense = "min"
    summary = "pack model sessions on the fewest GPUs within their latency objectives"
    reference = "Nexus, SOSP 2019, section 6.1"
    methods = METHODS
    generic = False
    shareable = False

    variant: str = "unsplit"
    minimise: str = "gpus"

    def __post_init__(self) -> None:
        go.choice(self.name, "variant", self.variant, VARIANTS)
        go.choice(self.name, "minimise", self.minimise, ("gpus", "cost"))
        if self.variant != "unsplit":
            fitting = tuple(method for method in METHODS if method.name in METHODS_OF[self.variant])
            object.__setattr__(self, "methods", fitting)

    def unit(self, instance: go.Instance) -> str:
        return "GPUs" if self.minimise == "gpus" else "cost/hour"
