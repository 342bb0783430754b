"""convert: read an instance in one format, write it in another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gavelopt.cli import options, talk
from gavelopt.cli.asking import question


def refuse_unwritable(path: Path) -> None:
    """Raise InputError for a file that a solution cannot be written to: before the work, not after it."""
    from gavelopt.io.write import target_form

    target_form(path)


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Instance to read.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; the ending decides the format.")],
    cluster: options.Cluster = None,
    jobs: options.Jobs = None,
    throughputs: options.Throughputs = None,
    missing: options.Missing = "error",
    drop_pairs: Annotated[bool, typer.Option("--drop-pairs", help="Leave out the rates of jobs that share.")] = False,
) -> None:
    """Read an instance in any known format and write it in another."""
    with talk.guarded(False):
        from gavelopt.io.write import write_instance
        from gavelopt.report.layout import notes

        instance = question(source, cluster, jobs, throughputs, missing)
        written = write_instance(instance, target, pairs=not drop_pairs)
        if instance.warnings:
            talk.console(stderr=True).print(notes(instance.warnings))
        print(written)
