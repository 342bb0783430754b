"""How every command reads its instance; convert, which writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gavelopt.cli import options, talk
from gavelopt.errors import InputError
from gavelopt.report import words


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
