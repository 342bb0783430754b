"""The options that all questions share, declared once: which instance, which policy, and how to solve it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import typer

from gavelopt.cli import options, talk
from gavelopt.errors import InputError
from gavelopt.report import words


@dataclass(frozen=True)
class Asked:
    """What was asked; each field is an option of the command."""

    file: options.File = None
    policy: options.Policy = "max_min"
    method: options.Method = "auto"
    cluster: options.Cluster = None
    jobs: options.Jobs = None
    throughputs: options.Throughputs = None
    missing: options.Missing = "error"
    set_: options.Set = None
    time_limit: options.TimeLimit = None
    seed: options.Seed = 0
    tolerance: options.Tolerance = 1e-6

    def instance(self) -> Any:
        """The instance that the options describe."""
        return question(self.file, self.cluster, self.jobs, self.throughputs, self.missing)

    def settings(self) -> dict[str, Any]:
        """Parameters of the policy and options of the method (--set)."""
        return options.settings(self.set_)

    def limits(self) -> dict[str, Any]:
        """time_limit, seed and tolerance, as keywords."""
        return {"time_limit": self.time_limit, "seed": self.seed, "tolerance": self.tolerance}

    def solved(self) -> Any:
        """The solution; leaves with exit code 1, saying why, where there is none."""
        import gavelopt as go

        chosen, instance = self.settings(), self.instance()
        with talk.working(f"solving {self.policy}"):
            solution = go.solve(instance, self.policy, method=self.method, **self.limits(), **chosen)
        if not solution.solved:
            talk.say(f"not solved: {solution.status}. {solution.message}")
            raise typer.Exit(talk.NOT_SOLVED)
        return solution


def asks(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of Asked, but those named; its own come after them and replace those of the same name.

    The command is called with an Asked and its own options.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        shared = {
            name: option
            for name, option in inspect.signature(Asked, eval_str=True).parameters.items()
            if name not in without
        }
        own = dict(list(inspect.signature(command, eval_str=True).parameters.items())[1:])
        both = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in {**shared, **own}.values()]

        @wraps(command)
        def run(**given: Any) -> None:
            asked = Asked(**{name: given[name] for name in shared})
            command(asked, **{name: given[name] for name in own})

        run.__signature__ = inspect.Signature(both)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in both}
        return run

    return decorate


def question(file: Path | None, cluster: str | None, jobs: Path | None, throughputs: Path | None, missing: str) -> Any:
    """The instance that the arguments of a command describe; the embedded example, said aloud, where they name no file."""
    import gavelopt as go

    if file is not None:
        return go.read(file, cluster=cluster, jobs=jobs, throughputs=throughputs, missing=missing)
    if throughputs is not None:
        return go.read(throughputs, cluster=cluster, jobs=jobs, missing=missing)
    if jobs is not None:
        raise InputError("a job list needs throughputs", seen=str(jobs), fix="add --throughputs FILE")
    instance = go.examples.gavel() if cluster is None else go.examples.gavel(cluster=cluster)
    talk.say(f"no FILE: using the embedded example {instance.name!r}, {words.count(len(instance.jobs), 'job')}")
    return instance
