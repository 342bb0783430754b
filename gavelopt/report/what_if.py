"""What-if answers as text: the value before and after, in money where costs are known, and a frontier as a table."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from gavelopt.engine.what_if import Frontier, WhatIf
from gavelopt.report import words
from gavelopt.report.layout import facts, plain, sheet

ROUNDING = 1e-9  # relative change of a value that is none
MATTERS = 1e-6  # relative change of a job's throughput that counts as one


def what_if_text(answer: WhatIf) -> str:
    """The answer as plain text, as wide as the terminal."""
    return plain(what_if_view(answer))


def frontier_text(frontier: Frontier) -> str:
    """The frontier as plain text, as wide as the terminal."""
    return plain(frontier_view(frontier))


def what_if_view(answer: WhatIf) -> RenderableType:
    """Value before, after and forecast, money, and how many jobs gain or lose."""
    before, after = answer.before, answer.after
    title = Text(f"{before.policy.describe()} with ", style="bold")
    title.append(
        ", ".join(f"{number:+g} {words.printable(name)}" for name, number in answer.added.items()) or "no change"
    )
    grid = facts()
    for name, solution in (("before", before), ("after", after)):
        value = (
            solution.message or solution.status
            if solution.value is None
            else words.quantity(solution.value, before.unit)
        )
        grid.add_row(name, Text(value))
    if answer.change is not None:
        grid.add_row("change", Text(_change(answer), style="bold"))
    if answer.forecast is not None:
        worse = "at most" if before.policy.sense == "max" else "at least"
        grid.add_row(
            "forecast", Text(f"{worse} {words.quantity(answer.forecast, before.unit)}, proved by the prices before")
        )
    if answer.cost_per_hour is not None:
        money = f"{words.number(answer.cost_per_hour)} an hour"
        if answer.change_per_dollar is not None and _changes(answer):
            money += f": a change of {words.quantity(answer.change_per_dollar, before.unit)} per unit of cost"
        grid.add_row("cost", Text(money))
    if before.allocation is not None and after.allocation is not None:
        grid.add_row("jobs", Text(_jobs(answer)))
    return Group(title, grid)


def _change(answer: WhatIf) -> str:
    assert answer.change is not None
    assert answer.before.value is not None
    if not _changes(answer):
        return "none"
    relative = f" ({100 * answer.change / abs(answer.before.value):+.3g} %)" if answer.before.value else ""
    return f"{answer.change:+.6g} {answer.before.unit}".rstrip() + relative


def _changes(answer: WhatIf) -> bool:
    assert answer.change is not None
    assert answer.before.value is not None
    return abs(answer.change) > ROUNDING * abs(answer.before.value)


def _jobs(answer: WhatIf) -> str:
    assert answer.before.allocation is not None
    assert answer.after.allocation is not None
    was, now = answer.before.allocation.rates, answer.after.allocation.rates
    slack = MATTERS * (was + now)
    return f"{int((now > was + slack).sum()):,} faster, {int((now < was - slack).sum()):,} slower"


def frontier_view(frontier: Frontier) -> RenderableType:
    """One row a count."""
    name = words.printable(frontier.accelerator)
    title = Text(f"{frontier.policy.describe()} against the count of {name}", style="bold")
    table = sheet()
    table.add_column(name, justify="right", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("one more changes it by", justify="right", no_wrap=True)
    costs = any(point.cost_per_hour is not None for point in frontier)
    if costs:
        table.add_column("money/h", justify="right", no_wrap=True)
    table.add_column("status", overflow="fold")
    for point in frontier:
        cells = ["" if figure is None else words.number(figure) for figure in (point.value, point.price)]
        if costs:
            cells.append("" if point.cost_per_hour is None else words.number(point.cost_per_hour))
        reason = f"{point.status}: {point.message}" if point.message and point.value is None else point.status
        table.add_row(words.number(point.count), *cells, Text(words.printable(reason.splitlines()[0])))
    unit = Text(f"values in {frontier.unit}", style="dim") if frontier.unit else Text("")
    return Group(title, table, unit)
