"""solve, compare, plot: the commands that solve something."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gavelopt.cli import options, talk
from gavelopt.cli.asking import Asked, asks
from gavelopt.cli.data import refuse_unwritable


@asks()
def solve(
    asked: Asked,
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

        chosen = asked.settings()
        if out is not None:
            refuse_unwritable(out)
        instance = asked.instance()
        with talk.working(f"solving {asked.policy}"):
            solution = go.solve(instance, asked.policy, method=asked.method, **asked.limits(), **chosen)
            view = solution_view(solution, one_sided or None)
        written = None if out is None else solution.save(out)
        if as_json:
            talk.document(solution.to_dict())
        talk.show(view, as_json=as_json)
        if written is not None:
            talk.say(f"written to {written}")
        if not solution.solved:
            raise typer.Exit(talk.NOT_SOLVED)


@asks("method")
def compare(
    asked: Asked,
    methods: Annotated[str | None, typer.Option(metavar="A,B", help="Methods to compare; without it all.")] = None,
    as_json: options.Json = False,
) -> None:
    """Solve one policy by several methods, all held against the best bound. Exit code 1 when none of them solved it."""
    with talk.guarded(as_json):
        import gavelopt as go
        from gavelopt.report.text import comparison_view

        chosen, named = asked.settings(), options.names(methods, "method")
        instance = asked.instance()
        with talk.working(f"comparing the methods of {asked.policy}"):
            comparison = go.compare(instance, asked.policy, named, **asked.limits(), **chosen)
        if as_json:
            rows = comparison.rows()
            talk.document({"policy": comparison.policy.describe(), "bound": comparison.bound, "methods": rows})
        talk.show(comparison_view(comparison), as_json=as_json)
        if not any(solution.solved for solution in comparison):
            raise typer.Exit(talk.NOT_SOLVED)


@asks()
def plot(
    asked: Asked,
    out: Annotated[Path, typer.Option(metavar="PATH", help="Picture to write: .png, .svg or .pdf.")] = Path(
        "gavelopt.png"
    ),
) -> None:
    """Solve, and draw the allocation, what is in use, and the prices (needs the extra named plot)."""
    with talk.guarded(False):
        from gavelopt.report.plots import check_picture

        check_picture(out)
        asked.solved().plot(out)
        print(out)
