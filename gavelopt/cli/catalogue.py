"""policies: what can be asked, by which methods, with which parameters."""

from __future__ import annotations

import inspect
import re
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from gavelopt.cli import options, talk
from gavelopt.errors import UnknownName
from gavelopt.report.layout import facts, sheet


def policies(
    name: Annotated[str | None, typer.Argument(help="One policy, in full with its mathematics.")] = None,
    as_json: options.Json = False,
) -> None:
    """List every registered policy, or show one with its mathematics, parameters and methods."""
    with talk.guarded(as_json):
        import gavelopt as go

        rows = go.policies()
        if name is not None:
            rows = [row for row in rows if row["name"] == name]
            if not rows:
                raise UnknownName.among("policy", name, [row["name"] for row in go.policies()])
        if as_json:
            talk.document(rows if name is None else rows[0])
        else:
            talk.show(_table(rows) if name is None else _one(rows[0]), as_json=False)


def _table(rows: list[dict[str, Any]]) -> RenderableType:
    """The policies of each kind of instance, then the other (long) names that some of them answer to."""
    parts: list[RenderableType] = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        table = sheet()
        table.add_column(Text(f"policies for {kind}"), no_wrap=True, overflow="ellipsis")
        table.add_column("what it does", overflow="fold")
        for row in rows:
            if row["kind"] == kind and row["alias_of"] is None:
                table.add_row(Text(row["name"], style="bold"), Text(row["summary"]))
        parts += [table, ""]
    aliases = [row for row in rows if row["alias_of"] is not None]
    parts += [Text("other names", style="bold")] * bool(aliases)
    for row in aliases:
        parts += [Text(row["name"]), Padding(Text(f"{row['alias_of']}: {row['summary']}", style="dim"), (0, 0, 0, 4))]
    return Group(*parts, "", Text("gavelopt policies NAME shows one in full", style="dim"))


def _one(row: dict[str, Any]) -> RenderableType:
    from gavelopt.engine.registry import Alias, lookup, methods_of

    target = lookup(row["name"])
    owner = target.policy if isinstance(target, Alias) else target
    grid = facts()
    grid.add_row("summary", Text(row["summary"]))
    if row["alias_of"]:
        grid.add_row("alias of", row["alias_of"])
    grid.add_row("reference", Text(row["reference"] or "none"))
    for parameter, default in row["parameters"].items():
        if parameter == "space_sharing" and not owner.shareable:
            continue
        grid.add_row("parameter", Text(f"{parameter} = {default!r}"))
    for method in methods_of(owner).values():
        grid.add_row("method", Text(f"{method.name}, {method.guarantee}: {method.summary}"))
        for name, option in method.options.items():
            grid.add_row("", Text(f"  {name}: {option.rule}"))
    mathematics = inspect.getdoc(inspect.getmodule(owner)) or ""
    return Group(Text(row["name"], style="bold"), grid, "", Text(_flowing(mathematics), overflow="fold"))


def _flowing(text: str) -> str:
    """Prose with one line a paragraph, so that it fits any terminal; formulas and tables as they are."""
    blocks = text.split("\n\n")
    return "\n\n".join(
        block if re.search(r"^ |   ", block, re.MULTILINE) else block.replace("\n", " ") for block in blocks
    )
