"""What happens in the process of one run: build, solve, judge, each with its seconds; the record as plain data.

Seconds are taken inside the process: what it costs to start one and to import the library is in none of them, and a run
with a warm-up also leaves out what happens at the first solve only.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import resource
import sys
import time
from collections.abc import Mapping
from typing import Any

from gavelopt.bench.families import FIGURES, build, called
from gavelopt.bench.run import Run
from gavelopt.errors import GavelOptError
from gavelopt.io.results import plain_json

MIB = 2**20
AUDITED = 100  # jobs up to which a solution is audited
FINGERPRINTED = 20_000  # consumers up to which the whole instance is hashed


def record(run: Run, data: str | None = None) -> dict[str, Any]:
    """The record of a run; what went wrong is in it as status and reason."""
    found: dict[str, Any] = {"status": "failed", "value": None, "bound": None, "gap": None, "reason": ""}
    try:
        found |= {"solve": solved, "replay": replayed, "figure": drawn}[run.kind](run, data)
    except (GavelOptError, MemoryError) as error:
        found["reason"] = str(error) or type(error).__name__
        found["status"] = "absent" if found["reason"].startswith("data file absent") else "failed"
    found["peak_mib"] = round(peak_mib(), 1)
    return plain_json(found)  # type: ignore[no-any-return]


def solved(run: Run, data: str | None) -> dict[str, Any]:
    """A policy by a method."""
    from gavelopt.engine.solve import solve

    policy, options, watch = _question(run)
    if run.warm_up:
        start = time.perf_counter()
        small = build({**run.instance, "with": {**run.instance.get("with", {}), **run.warm_up}}, run.seed, data)
        solve(small, policy, method=run.method["name"], seed=run.seed, time_limit=run.time_limit_s, **options)
        warm_up_s = time.perf_counter() - start
    else:
        warm_up_s = 0.0
    start = time.perf_counter()
    instance = build(run.instance, run.seed, data)
    built = time.perf_counter()
    watch.seconds = 0.0
    answer = solve(instance, policy, method=run.method["name"], seed=run.seed, time_limit=run.time_limit_s, **options)
    spent = time.perf_counter() - built
    names = ("status", "value", "bound", "bound_kind", "gap", "unit", "guarantee")
    return {
        **{name: getattr(answer, name) for name in names},
        "sense": policy.sense,
        "ran": answer.method,
        "log_weight": _log_weight(answer),
        "reason": answer.message,
        "checks": [
            {"name": c.name, "residual": c.residual, "limit": c.limit, "passed": c.passed} for c in answer.checks
        ],
        "instance_of": described(instance),
        "evenness": evenness(answer),
        "audit": audited(answer),
        "warm_up_s": warm_up_s,
        "build_s": built - start,
        "solve_s": watch.seconds,
        "judge_s": spent - watch.seconds,
    }


def replayed(run: Run, data: str | None) -> dict[str, Any]:
    """A trace under a scheduler: the value is the mean completion time."""
    from gavelopt.replay.run import replay

    start = time.perf_counter()
    instance = build(run.instance, run.seed, data)
    built = time.perf_counter()
    options = _options(run.policy)
    result = replay(instance, run.policy["name"], seed=run.seed, **options)
    everyone = bool(result.finished.all())
    return {
        "status": "feasible" if everyone else "failed",
        "value": result.mean_jct_s if everyone else None,
        "unit": "s mean completion time",
        "sense": "min",
        "guarantee": "heuristic",
        "reason": "" if everyone else "some jobs never finished",
        "figures": result.summary(),
        "instance_of": described(instance),
        "build_s": built - start,
        "solve_s": time.perf_counter() - built,
        "judge_s": 0.0,
    }


def drawn(run: Run, data: str | None) -> dict[str, Any]:
    """The number that stands for a published figure."""
    start = time.perf_counter()
    value = float(called(FIGURES, run.policy["name"], run.instance.get("with", {}), run.seed, data))
    seconds = time.perf_counter() - start
    return {
        "status": "feasible",
        "value": value,
        "guarantee": "rule",
        "build_s": 0.0,
        "solve_s": seconds,
        "judge_s": 0.0,
    }


class Stopwatch:
    """The seconds that methods of a policy run, apart from what the judge does with their answers."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, run: Any) -> Any:
        """``run`` with its seconds added."""

        def timed_run(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return run(*arguments, **options)
            finally:
                self.seconds += time.perf_counter() - start

        return timed_run


def _question(run: Run) -> tuple[Any, dict[str, Any], Stopwatch]:
    """The policy with its methods timed, what is left of the options for the method, the watch."""
    from gavelopt.engine.registry import methods_of, resolve

    policy, left = resolve(run.policy["name"], _options(run.policy))
    watch = Stopwatch()
    methods = tuple(dataclasses.replace(m, run=watch.timed(m.run)) for m in methods_of(policy).values())
    object.__setattr__(policy, "methods", methods)  # of this object only: the class keeps its own
    return policy, {**left, **_options(run.method)}, watch


def _options(named: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a policy or method; infinities travel as text."""
    words = {"inf": math.inf, "-inf": -math.inf}
    return {
        key: words.get(value, value) if isinstance(value, str) else value
        for key, value in named.items()
        if key != "name"
    }


def _log_weight(answer: Any) -> float | None:
    """The weight by which a sum of logarithms becomes a geometric mean; None for other values."""
    from gavelopt.engine.problem import Problem

    utility = Problem(answer.instance, answer.policy).utility
    logarithmic = utility is not None and utility.p == 0 and utility.report == "same"
    return float(utility.weight.sum()) if utility is not None and logarithmic else None


def evenness(answer: Any) -> dict[str, float] | None:
    """Weighted mean and smallest of the throughputs over those of the proportional share; None for other kinds."""
    from gavelopt.model.instance import Instance
    from gavelopt.model.references import equal_share_rate

    instance = answer.instance
    if answer.allocation is None or not isinstance(instance, Instance) or not len(instance.jobs):
        return None
    normalised = instance.jobs.scale_factor * answer.allocation.rates / equal_share_rate(instance, instance.space())
    weight = instance.jobs.weight
    return {"mean": float(weight @ normalised / weight.sum()), "least": float(normalised.min())}


def audited(answer: Any) -> list[dict[str, Any]] | None:
    """The findings of the fairness audit; None for other kinds, and for more jobs than a benchmark should audit."""
    if answer.allocation is None or answer.instance.kind != "training" or len(answer.instance.jobs) > AUDITED:
        return None
    found = answer.audit()
    return [{"title": f.title, "holds": f.holds, "count": f.count, "figure": f.figure} for f in found.findings]


def described(instance: Any) -> dict[str, Any]:
    """Name, kind, size and fingerprint of an instance."""
    size = {
        "training": lambda i: [len(i.jobs), len(i.cluster)],
        "packing": lambda i: [len(i.sessions) + len(i.queries), len(i.gpus)],
        "placement": lambda i: [len(i.models), int(i.cluster.count.sum())],
        "elastic": lambda i: [len(i.jobs), int(i.node_gpus.sum())],
    }[instance.kind](instance)
    name = getattr(instance, "name", None) or instance.kind
    return {"name": name, "kind": instance.kind, "size": size, "fingerprint": fingerprint(instance, size[0])}


def fingerprint(instance: Any, consumers: int) -> str | None:
    """Twelve characters of the SHA-256 of the native document; None for instances too large to write."""
    if consumers > FINGERPRINTED:
        return None
    from gavelopt.io.write import instance_document

    text = json.dumps(instance_document(instance), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def peak_mib() -> float:
    """Largest resident size of this process so far, in MiB (Linux counts KiB, macOS bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MIB if sys.platform == "darwin" else peak / 1024
