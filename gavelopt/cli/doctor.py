"""doctor: is everything here that gavelopt needs, and does it work together?"""

from __future__ import annotations

import dataclasses

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from gavelopt.cli import options, talk
from gavelopt.cli.diagnosis import Diagnosis, diagnose
from gavelopt.report import words
from gavelopt.report.layout import facts, sheet


def doctor(as_json: options.Json = False) -> None:
    """Show versions, solvers and the machine; try the solvers in fresh processes. Exit code 1 when something is wrong."""
    with talk.guarded(as_json):
        with talk.working("trying the solvers in fresh processes"):
            found = diagnose()
        if as_json:
            talk.document(dataclasses.asdict(found))
        else:
            talk.show(_view(found), as_json=False)
        for trouble in found.troubles:
            talk.say(f"trouble: {trouble.what}\n    fix: {trouble.fix}")
        if found.troubles:
            raise typer.Exit(1)


def _view(found: Diagnosis) -> RenderableType:
    table = sheet()
    for head in ("package", "installed", "wanted", ""):
        table.add_column(head, overflow="fold")
    for row in found.packages:
        extra = f"only for gavelopt[{row['extra']}]" if row["extra"] else ""
        state = Text(row["installed"] or "missing", style="" if row["installed"] else ("dim" if extra else "red"))
        table.add_row(row["name"], state, row["wanted"] or "", extra)
    solvers = sheet()
    solvers.add_column("solver", no_wrap=True)
    for order in found.solvers:
        solvers.add_column(order, overflow="fold")
    for name in dict.fromkeys(name for outcome in found.solvers.values() for name in outcome):
        cells = [outcome.get(name, "not reached") for outcome in found.solvers.values()]
        solvers.add_row(name, *(Text(cell, style="green" if cell == "ok" else "red") for cell in cells))
    grid = facts()
    has = found.machine
    grid.add_row("system", has["system"])
    grid.add_row("cores", f"{has['usable_cores']} of {has['cores']} usable")
    if has["memory_gib"] is not None:
        grid.add_row("memory", f"{has['memory_gib']} GiB, {has['free_memory_gib']} free")
    grid.add_row("policies", words.count(found.policies, "registered name"))
    verdict = Text("trouble", style="red") if found.troubles else Text("all is well", style="green")
    return Group(table, "", solvers, "", grid, "", verdict)
