"""Replays of rigid training jobs: which engine, with which clock, and what is refused."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavelopt.engine.registry import found, resolve
from gavelopt.errors import InputError, UnknownName
from gavelopt.model.arrays import FloatArray
from gavelopt.model.instance import Instance
from gavelopt.model.policy import Policy
from gavelopt.replay.discipline import Discipline, discipline, schedulers
from gavelopt.replay.queueing import Outcome, replay_queue, runnable
from gavelopt.replay.result import Replay

MODES = ("events", "rounds", "fluid")


@dataclass(frozen=True)
class Clock:
    """round_s: length of a round; restart_s: seconds that a restart costs; min_resolve_s: least time between two solves."""

    round_s: float = 360.0
    restart_s: float = 0.0
    min_resolve_s: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("round_s", 1e-6), ("restart_s", 0.0), ("min_resolve_s", 0.0)):
            if not least <= getattr(self, name) < np.inf:
                rule = f"a finite number of seconds >= {least:g}"
                raise InputError(f"{name} out of range", seen=getattr(self, name), rule=rule)


def replay_training(
    instance: Instance,
    scheduler: str | Discipline | Policy,
    mode: str | None,
    clock: Clock,
    *,
    method: str,
    seed: int,
    options: dict[str, Any],
) -> Replay:
    """See ``gavelopt.replay``, which comes here with instances of the kind training."""
    _check_steps(instance)
    began = time.perf_counter()
    chosen, left = scheduler_of(scheduler, options)
    mode = mode or ("events" if isinstance(chosen, Discipline) else "rounds")
    _check_mode(mode, chosen, clock.restart_s)
    _check_turns(instance, mode, chosen, clock)
    if isinstance(chosen, Discipline):
        outcome = replay_queue(instance, chosen, clock.restart_s)
    else:
        outcome = _replay_policy(instance, chosen, mode, clock, method, seed, left)
    return Replay(
        instance=instance,
        scheduler=chosen.describe(),
        mode=mode,
        finish_s=outcome.finish_s,
        start_s=outcome.start_s,
        preemptions=outcome.preemptions,
        log=outcome.log,
        round_s=clock.round_s if mode == "rounds" else None,
        restart_s=clock.restart_s,
        seed=seed,
        seconds=time.perf_counter() - began,
        warnings=_warnings(instance, outcome.finish_s),
        **outcome.further,
    )


def _replay_policy(
    instance: Instance, policy: Policy, mode: str, clock: Clock, method: str, seed: int, options: dict[str, Any]
) -> Outcome:
    from gavelopt.replay.fluid import replay_fluid
    from gavelopt.replay.granting import Granting
    from gavelopt.replay.rounds import replay_rounds

    granting = Granting(instance, policy, method, seed, options)
    if mode == "fluid":
        return replay_fluid(instance, granting, clock.min_resolve_s)
    return replay_rounds(instance, granting, clock.round_s, clock.restart_s, clock.min_resolve_s)


def scheduler_of(
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


def _check_steps(instance: Instance) -> None:
    steps = instance.jobs.steps
    if len(instance.jobs) and (steps is None or np.isnan(steps).any()):
        at = 0 if steps is None else int(np.argmax(np.isnan(steps)))
        raise InputError(
            "a replay needs the steps of every job",
            where=f"job {instance.jobs.names[at]!r}",
            seen="unknown",
            rule="a number of steps >= 0",
            fix="give steps, or draw a trace (TraceGenerator; on the command line --generate JOBS)",
        )


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


def _check_turns(instance: Instance, mode: str, chosen: Discipline | Policy, clock: Clock) -> None:
    """A turn must be longer than a restart: jobs that take turns would otherwise restart for ever and never work."""
    if mode == "rounds" and clock.restart_s >= clock.round_s:
        raise InputError(
            "a restart takes a whole round: a job that moves every round would never work",
            seen=f"restart_s={clock.restart_s:g}, round_s={clock.round_s:g}",
            rule="restart_s < round_s",
            fix="longer rounds",
        )
    if isinstance(chosen, Discipline) and chosen.key == "attained" and not chosen.option("thresholds_s", ()):
        quantum, gang = chosen.option("quantum_s", np.inf), int(instance.jobs.scale_factor.max(initial=1))
        if clock.restart_s * gang >= quantum:
            raise InputError(
                "a restart takes a whole quantum: jobs that take turns would never work",
                seen=f"restart_s={clock.restart_s:g} x {gang} accelerators, quantum_s={quantum:g} accelerator-seconds",
                rule="restart_s x largest gang < quantum_s",
                fix=f"quantum_s above {clock.restart_s * gang:g}",
            )


def _warnings(instance: Instance, finish_s: FloatArray) -> tuple[str, ...]:
    """What is known of the instance, jobs that can run nowhere, and jobs that the policy starved (in fluid mode)."""
    able = (runnable(instance)[0] > 0).any(axis=1) if len(instance.jobs) else np.zeros(0, dtype=bool)
    found = list(instance.warnings)
    for jobs, what in (
        (np.flatnonzero(~able), "fit on no whole accelerators of any type and never run"),
        (
            np.flatnonzero(able & np.isnan(finish_s)),
            "could run, but were granted nothing while nobody else came or went",
        ),
    ):
        if len(jobs):
            some = ", ".join(instance.jobs.names[int(job)] for job in jobs[:5])
            found.append(f"{len(jobs)} job(s) {what}: {some}")
    return tuple(found)
