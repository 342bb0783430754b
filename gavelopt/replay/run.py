"""replay: one door for every scheduler."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from gavelopt.engine.registry import found, resolve
from gavelopt.errors import InputError, UnknownName
from gavelopt.model.instance import Instance
from gavelopt.model.policy import Policy
from gavelopt.replay.discipline import Discipline, discipline, schedulers
from gavelopt.replay.queueing import Outcome, replay_queue, runnable
from gavelopt.replay.result import Replay

MODES = ("events", "rounds", "fluid")


def replay(
    instance: Instance,
    scheduler: str | Discipline | Policy,
    *,
    mode: str | None = None,
    round_s: float = 360.0,
    restart_s: float = 0.0,
    min_resolve_s: float = 0.0,
    method: str = "auto",
    seed: int = 0,
    **options: Any,
) -> Replay:
    """Replay a trace under a scheduler until every job is done.

    Args:
        instance: its jobs are the trace: arrival_s, steps (all known), scale_factor, weight, deadline_s (on the clock of the
            trace); its table says how fast they run.
        scheduler: a queue discipline ("fcfs", "srtf", ...; they go before policies of the same name) or a policy
            ("max_min", "makespan", ...), by name or as an object.
        mode: "events" for disciplines (the only one they have); for policies "rounds" (Gavel's mechanism, the default; see
            ``rounds.py``) or "fluid" (X granted as fractions until the next event; no restart cost, no gang needs a hole).
        round_s: length of a round.
        restart_s: seconds without progress when a job that ran before starts again or moves to another type.
        min_resolve_s: least time between two solves of the policy; arrivals in between run on what is left over. Gavel's
            simulator has 1920 s; 0 solves at every arrival and completion (in rounds: at the next round).
        method: of the policy.
        seed: of every random choice.
        options: parameters of the discipline or the policy.

    Raises:
        InputError: an unknown scheduler, mode or option; a job whose steps are unknown; no restart cost in fluid mode.
        GavelOptError: the policy has no feasible allocation at some event; the time is named.
    """
    _check(instance, round_s, restart_s, min_resolve_s)
    began = time.perf_counter()
    chosen, left = _scheduler(scheduler, options)
    mode = mode or ("events" if isinstance(chosen, Discipline) else "rounds")
    _check_mode(mode, chosen, restart_s)
    if isinstance(chosen, Discipline):
        outcome = replay_queue(instance, chosen, restart_s)
    else:
        outcome = _replay_policy(instance, chosen, mode, round_s, restart_s, min_resolve_s, method, seed, left)
    return Replay(
        instance,
        chosen.describe(),
        mode,
        outcome.finish_s,
        outcome.start_s,
        outcome.preemptions,
        outcome.log,
        round_s=round_s if mode == "rounds" else None,
        restart_s=restart_s,
        seed=seed,
        seconds=time.perf_counter() - began,
        warnings=_warnings(instance),
        **outcome.further,
    )


def _replay_policy(
    instance: Instance,
    policy: Policy,
    mode: str,
    round_s: float,
    restart_s: float,
    min_resolve_s: float,
    method: str,
    seed: int,
    options: dict[str, Any],
) -> Outcome:
    from gavelopt.replay.fluid import replay_fluid
    from gavelopt.replay.granting import Granting
    from gavelopt.replay.rounds import replay_rounds

    granting = Granting(instance, policy, method, seed, options)
    if mode == "fluid":
        return replay_fluid(instance, granting, min_resolve_s)
    return replay_rounds(instance, granting, round_s, restart_s, min_resolve_s)


def _scheduler(
    scheduler: str | Discipline | Policy, options: dict[str, Any]
) -> tuple[Discipline | Policy, dict[str, Any]]:
    """The scheduler object, and the options that belong to a policy's method."""
    if isinstance(scheduler, Discipline):
        if options:
            raise InputError("options of a Discipline object", seen=", ".join(options), fix="set them on the object")
        return scheduler, {}
    if isinstance(scheduler, Policy):
        return resolve(scheduler, options)
    if scheduler in schedulers():
        return discipline(scheduler, options), {}
    if scheduler not in found():
        raise UnknownName.among("scheduler", scheduler, [*schedulers(), *found()])
    return resolve(scheduler, options)


def _check(instance: Instance, round_s: float, restart_s: float, min_resolve_s: float) -> None:
    if getattr(instance, "kind", None) != "training":
        raise InputError(
            "a replay needs an instance of kind 'training'", seen=getattr(instance, "kind", type(instance))
        )
    steps = instance.jobs.steps
    if len(instance.jobs) and (steps is None or np.isnan(steps).any()):
        at = 0 if steps is None else int(np.argmax(np.isnan(steps)))
        raise InputError("a replay needs the steps of every job", where=f"job {instance.jobs.names[at]!r}", seen=None)
    limits = (("round_s", round_s, 1e-6), ("restart_s", restart_s, 0.0), ("min_resolve_s", min_resolve_s, 0.0))
    for name, value, least in limits:
        if not least <= value < np.inf:
            raise InputError(f"{name} out of range", seen=value, rule=f"a finite number of seconds >= {least:g}")


def _check_mode(mode: str, chosen: Discipline | Policy, restart_s: float) -> None:
    if mode not in MODES:
        raise UnknownName.among("mode", mode, MODES)
    allowed = ("events",) if isinstance(chosen, Discipline) else ("rounds", "fluid")
    if mode not in allowed:
        noun = "discipline" if isinstance(chosen, Discipline) else "policy"
        raise InputError(f"the {noun} {chosen.name!r} has no mode {mode!r}", rule=f"{' or '.join(allowed)}")
    if mode == "fluid" and restart_s > 0:
        raise InputError("fluid mode has no restarts to pay for", seen=f"restart_s={restart_s:g}", fix="mode='rounds'")
    if isinstance(chosen, Policy) and getattr(chosen, "kind", "training") != "training":
        raise InputError(
            f"policy {chosen.name!r} does not share a cluster among training jobs", rule="training policies"
        )


def _warnings(instance: Instance) -> tuple[str, ...]:
    stuck = np.flatnonzero(~(runnable(instance)[0] > 0).any(axis=1)) if len(instance.jobs) else np.zeros(0, int)
    if not len(stuck):
        return instance.warnings
    some = ", ".join(instance.jobs.names[int(job)] for job in stuck[:5])
    return (*instance.warnings, f"{len(stuck)} job(s) fit on no whole accelerators of any type and never run: {some}")
