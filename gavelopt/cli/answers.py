"""solve, compare, plot: the commands that solve something."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gavelopt.cli import options, talk
from gavelopt.cli.data import question, refuse_unwritable


def solve(
    file: options.File = None,
    policy: options.Policy = "max_min",
    method: options.Method = "auto",
    cluster: options.Cluster = None,
    jobs: options.Jobs = None,
    throughputs: options.Throughputs = None,
    missing: options.Missing = "error",
    set_: options.Set = None,
    time_limit: options.TimeLimit = None,
    seed: options.Seed = 0,
    tolerance: options.Tolerance = 1e-6,
    one_sided: Annotated[
        bool, typer.Option("--one-sided", help="Compute both sides of every price however large the instance.")
    ] = False,
    as_json: options.Json = False,
    out: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write the solution: .json all of it, .csv the allocation.")
    ] = None,
) -> None:
    """Solve one policy on one instance and show the certified answer with its prices."""
    with talk.guarded(as_json):
        import gavelopt as go
        from gavelopt.report.text import solution_view

        chosen = options.settings(set_)
        if out is not None:
            refuse_unwritable(out)
        instance = question(file, cluster, jobs, throughputs, missing)
        common: dict[str, Any] = {"time_limit": time_limit, "seed": seed, "tolerance": tolerance}
        with talk.working(f"solving {policy}"):
            solution = go.solve(instance, policy, method=method, **common, **chosen)
            view = solution_view(solution, one_sided or None)
        written = None if out is None else solution.save(out)
        if as_json:
            talk.document(solution.to_dict())
        talk.show(view, as_json=as_json)
        if written is not None:
            talk.say(f"written to {written}")
        if not solution.solved:
            raise typer.Exit(talk.NOT_SOLVED)


def compare(
    file: options.File = None,
    policy: options.Policy = "max_min",
    methods: Annotated[str | None, typer.Option(metavar="A,B", help="Methods to compare; without it all.")] = None,
    cluster: options.Cluster = None,
    jobs: options.Jobs = None,
    throughputs: options.Throughputs = None,
    missing: options.Missing = "error",
    set_: options.Set = None,
    time_limit: options.TimeLimit = None,
    seed: options.Seed = 0,
    tolerance: options.Tolerance = 1e-6,
    as_json: options.Json = False,
) -> None:
    """Solve one policy by several methods, all held against the best bound. Exit code 1 when none of them solved it."""
    with talk.guarded(as_json):
        import gavelopt as go
        from gavelopt.report.text import comparison_view

        chosen, named = options.settings(set_), options.names(methods, "method")
        instance = question(file, cluster, jobs, throughputs, missing)
        common: dict[str, Any] = {"time_limit": time_limit, "seed": seed, "tolerance": tolerance}
        with talk.working(f"comparing the methods of {policy}"):
            comparison = go.compare(instance, policy, named, **common, **chosen)
        if as_json:
            rows = comparison.rows()
            talk.document({"policy": comparison.policy.describe(), "bound": comparison.bound, "methods": rows})
        talk.show(comparison_view(comparison), as_json=as_json)
        if not any(solution.solved for solution in comparison):
            raise typer.Exit(talk.NOT_SOLVED)


def plot(
    file: options.File = None,
    policy: options.Policy = "max_min",
    method: options.Method = "auto",
    cluster: options.Cluster = None,
    jobs: options.Jobs = None,
    throughputs: options.Throughputs = None,
    missing: options.Missing = "error",
    set_: options.Set = None,
    time_limit: options.TimeLimit = None,
    seed: options.Seed = 0,
    tolerance: options.Tolerance = 1e-6,
    out: Annotated[Path, typer.Option(metavar="PATH", help="Picture to write: .png, .svg or .pdf.")] = Path(
        "gavelopt.png"
    ),
) -> None:
    """Solve, and draw the allocation, what is in use, and the prices (needs the extra named plot)."""
    with talk.guarded(False):
        import gavelopt as go
        from gavelopt.report.plots import check_picture

        chosen = options.settings(set_)
        check_picture(out)
        instance = question(file, cluster, jobs, throughputs, missing)
        common: dict[str, Any] = {"time_limit": time_limit, "seed": seed, "tolerance": tolerance}
        with talk.working(f"solving {policy}"):
            solution = go.solve(instance, policy, method=method, **common, **chosen)
        if not solution.solved:
            talk.say(f"not solved: {solution.status}. {solution.message}")
            raise typer.Exit(talk.NOT_SOLVED)
        solution.plot(out)
        print(out)
