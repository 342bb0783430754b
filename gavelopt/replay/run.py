"""replay: one door for every scheduler and every kind of work, on one clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, overload

from gavelopt.engine.registry import resolve
from gavelopt.engine.solve import solve
from gavelopt.errors import GavelOptError, InputError
from gavelopt.model.elastic_trace import ElasticTrace
from gavelopt.model.instance import Instance
from gavelopt.model.placement import Placement, PlacementInstance, PlacementSchedule, Plan
from gavelopt.model.policy import Policy
from gavelopt.replay.discipline import Discipline
from gavelopt.replay.elastic import ElasticReplay, replay_elastic
from gavelopt.replay.result import Replay
from gavelopt.replay.serving import ServingReport, simulate_serving
from gavelopt.replay.training import Clock, replay_training

INSTEAD = {
    "elastic": "ElasticTrace(cluster, jobs, arrival_s, curves) says when jobs arrive and what they learn",
    "packing": "gavelopt.serve_packing replays a packing plan over requests",
}


@overload
def replay(instance: Instance, scheduler: str | Discipline | Policy, **further: Any) -> Replay: ...
@overload
def replay(instance: ElasticTrace, scheduler: str | Policy, **further: Any) -> ElasticReplay: ...
@overload
def replay(instance: PlacementInstance, scheduler: str | Policy | Plan, **further: Any) -> ServingReport: ...
def replay(
    instance: Instance | ElasticTrace | PlacementInstance,
    scheduler: str | Discipline | Policy | Plan,
    *,
    mode: str | None = None,
    round_s: float | None = None,
    restart_s: float | None = None,
    min_resolve_s: float = 0.0,
    method: str = "auto",
    seed: int = 0,
    **options: Any,
) -> Replay | ElasticReplay | ServingReport:
    """Replay a trace under a scheduler until all work is done.

    Args:
        instance: what arrives. Training: its jobs are the trace: arrival_s, steps (all known), scale_factor, weight,
            deadline_s (on the clock of the trace); its table says how fast they run. An ElasticTrace: jobs that learn, under
            a policy of the kind elastic. A PlacementInstance: its requests, under a policy of the kind placement, or under
            a plan that exists.
        scheduler: a queue discipline ("fcfs", "srtf", ...; they go before policies of the same name) or a policy
            ("max_min", "makespan", ...), by name or as an object.
        mode: "events" for disciplines and requests (the only one they have); for policies "rounds" (Gavel's mechanism, the
            default; see ``rounds.py``) or "fluid" (X granted as fractions until the next event; no restart cost, no gang
            needs a hole); "rounds" for elastic jobs.
        round_s: length of a round; 360 for training, 60 (the time between two plans) for elastic jobs.
        restart_s: seconds without progress when a job that ran before starts again or moves to another type (elastic: to
            other GPUs). Default 0; of elastic jobs their own.
        min_resolve_s: least time between two solves of the policy; arrivals in between run on what is left over. Gavel's
            simulator has 1920 s; 0 solves at every arrival and completion (in rounds: at the next round).
        method: of the policy.
        seed: of every random choice.
        options: parameters of the discipline, the policy or its method; for elastic jobs also explore and horizon_s.

    Raises:
        InputError: an unknown scheduler, mode or option; a job whose steps are unknown; no restart cost in fluid mode.
        GavelOptError: the policy has no feasible allocation at some event; the time is named.
    """
    asked = _Asked(mode, round_s, restart_s, min_resolve_s, method, seed, options)
    kind = str(getattr(instance, "kind", type(instance).__name__))
    if kind not in ENGINES:
        rule = f"kinds: {', '.join(ENGINES)}"
        raise InputError("nothing to replay", seen=kind, rule=rule, fix=INSTEAD.get(kind))
    return ENGINES[kind](instance, scheduler, asked)  # type: ignore[no-any-return]


class _Asked(NamedTuple):
    """The settings of a replay, as they were given."""

    mode: str | None
    round_s: float | None
    restart_s: float | None
    min_resolve_s: float
    method: str
    seed: int
    options: dict[str, Any]

    def clock(self, round_s: float) -> Clock:
        """The clock, checked; ``round_s`` where no other length was asked for."""
        return Clock(round_s if self.round_s is None else self.round_s, self.restart_s or 0.0, self.min_resolve_s)


def _training(instance: Instance, scheduler: Any, asked: _Asked) -> Replay:
    clock = asked.clock(360.0)
    kept = {"method": asked.method, "seed": asked.seed, "options": asked.options}
    return replay_training(instance, scheduler, asked.mode, clock, **kept)  # type: ignore[arg-type]


def _elastic(trace: ElasticTrace, scheduler: Any, asked: _Asked) -> ElasticReplay:
    _refuse(asked.mode, "rounds", {"min_resolve_s": asked.min_resolve_s or None})
    round_s = asked.clock(60.0).round_s
    policy, left = _policy(scheduler, "elastic", asked.options)
    kept = {"restart_s": asked.restart_s, "method": asked.method, "seed": asked.seed}
    return replay_elastic(trace, policy, round_s=round_s, **kept, **left)  # type: ignore[arg-type]


def _serving(instance: PlacementInstance, scheduler: Any, asked: _Asked) -> ServingReport:
    """The requests under a plan, or under what a policy makes of them."""
    given = {"round_s": asked.round_s, "restart_s": asked.restart_s, "min_resolve_s": asked.min_resolve_s or None}
    _refuse(asked.mode, "events", given)
    if isinstance(scheduler, (Placement, PlacementSchedule)):
        return simulate_serving(instance, scheduler)
    policy, left = _policy(scheduler, "placement", asked.options)
    began = time.perf_counter()
    solution = solve(instance, policy, method=asked.method, seed=asked.seed, **left)
    if solution.plan is None:
        raise GavelOptError(f"policy {policy.describe()} found no placement: {solution.status}. {solution.message}")
    return replace(
        simulate_serving(instance, solution.plan),
        scheduler=f"{policy.describe()}, {solution.method}",
        solves=1,
        solve_s=solution.seconds,
        seconds=time.perf_counter() - began,
    )


ENGINES: dict[str, Callable[..., Any]] = {"training": _training, "elastic_trace": _elastic, "placement": _serving}


def _refuse(mode: str | None, only: str, given: dict[str, float | None]) -> None:
    """Refuse another mode than ``only`` and the clock's settings that this kind of work has not."""
    if mode not in (None, only):
        raise InputError("this kind of work has no such mode", seen=mode, rule=only)
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{name} does not apply to this kind of work", seen=value, fix=f"leave {name} out")


def _policy(scheduler: Any, kind: str, options: dict[str, Any]) -> tuple[Policy, dict[str, Any]]:
    """The policy, which must be of ``kind``, and the options that are not its own."""
    if not isinstance(scheduler, (str, Policy)):
        raise InputError("a policy is needed here", seen=scheduler, rule=f"a policy of the kind {kind}")
    policy, left = resolve(scheduler, options)
    if getattr(policy, "kind", "training") != kind:
        raise InputError(f"policy {policy.name!r} does not fit", seen=getattr(policy, "kind", "training"), rule=kind)
    return policy, left
