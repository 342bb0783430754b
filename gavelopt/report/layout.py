"""The house style of text: one table, one list of facts, one list of warnings, and how a view becomes plain characters."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from gavelopt.report import words

NARROWEST, WIDEST, USUAL = 40, 160, 100
GUTTER = 2  # blanks between two columns of a sheet: one of padding, one of the box


def sheet(*, footer: bool = False) -> Table:
    """A table with a line under its head (and above its foot) and no other."""
    return Table(box=box.SIMPLE, show_edge=False, padding=(0, 1, 0, 0), show_footer=footer, header_style="bold")


def facts() -> Table:
    """Two columns without a head: the name of a fact, and the fact."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def notes(warnings: Iterable[str]) -> RenderableType:
    """One line a warning."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for warning in warnings:
        grid.add_row(Text("warning", style="yellow"), Text(words.prose(warning), overflow="fold"))
    return grid


def plain(view: RenderableType, width: int | None = None) -> str:
    """A view as plain characters, without colour codes and without blanks at the ends of lines.

    ``width`` is by default that of the terminal, USUAL where there is none.
    """
    columns = shutil.get_terminal_size((USUAL, 24)).columns if width is None else width
    console = recorder(min(max(columns, NARROWEST), WIDEST))
    console.print(view)
    lines = console.export_text(styles=False).split("\n")
    return "\n".join(line.rstrip() for line in lines).rstrip("\n")


def recorder(width: int) -> Console:
    """A console that writes to memory only."""
    return Console(
        file=io.StringIO(), record=True, width=width, color_system=None, markup=False, highlight=False, emoji=False
    )
