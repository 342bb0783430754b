"""inspect and convert, and how every command reads its instance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gavelopt.cli import options, talk
from gavelopt.errors import InputError

if TYPE_CHECKING:
    from gavelopt.model.instance import Instance


def question(
    file: Path | None, cluster: str | None, jobs: Path | None, throughputs: Path | None, missing: str
) -> Instance:
    """The instance that the arguments of a command describe; the embedded example, said aloud, where they name no file."""
    import gavelopt as go

    if file is not None or throughputs is not None:
        return go.read(file or throughputs, cluster=cluster, jobs=jobs, throughputs=throughputs, missing=missing)
    if jobs is not None:
        raise InputError("a job list needs throughputs", seen=str(jobs), fix="add --throughputs FILE")
    instance = go.examples.gavel()
    talk.say(f"no FILE: using the embedded example, {instance.name or instance!r}")
    if cluster is None:
        return instance
    types = go.Cluster.from_spec(cluster)
    return instance.replace(cluster=types, throughputs=instance.throughputs.select(types.accelerators))


def inspect(
    file: options.File = None,
    cluster: options.Cluster = None,
    jobs: options.Jobs = None,
    throughputs: options.Throughputs = None,
    missing: options.Missing = "error",
    as_json: options.Json = False,
) -> None:
    """Show what an instance holds, and what a reader should know before believing any answer."""
    with talk.guarded(as_json):
        from gavelopt.report.instance import instance_summary, instance_view

        instance = question(file, cluster, jobs, throughputs, missing)
        if as_json:
            talk.document(instance_summary(instance))
        else:
            talk.show(instance_view(instance), as_json=False)


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Instance to read.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; the ending decides the format.")],
    cluster: options.Cluster = None,
    jobs: options.Jobs = None,
    throughputs: options.Throughputs = None,
    missing: options.Missing = "error",
) -> None:
    """Read an instance in any known format and write it in another."""
    with talk.guarded(False):
        from gavelopt.io.write import write
        from gavelopt.report.layout import notes

        instance = question(source, cluster, jobs, throughputs, missing)
        written = write(instance, target)
        if instance.warnings:
            talk.console(stderr=True).print(notes(instance.warnings))
        print(written)
