"""Prices as sentences: what one more accelerator of each type is worth, and what one less costs where that differs."""

from __future__ import annotations

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gavelopt.model.arrays import FloatArray
from gavelopt.model.solution import Prices, Solution
from gavelopt.report import words

SIDES_CELLS = 3000  # jobs x types up to which the one-sided prices take well under a second
ROWS = 12
NOISE = 1e-8  # of the value: a price that could not change it by more, for all of a type, is nothing


def prices_view(solution: Solution, one_sided: bool | None = None) -> RenderableType | None:
    """The prices, or None where the method offered none.

    ``one_sided`` computes both sides of every price (True), never (False), or where that is quick (None).
    """
    prices, allocation = solution.prices, solution.allocation
    if prices is None or allocation is None or not len(prices):
        return None
    asked, sides = known_sides(solution, one_sided)
    title = Text("prices", style="bold")
    title.append(f"  {_about(solution, sides, asked)}", style="not bold dim")
    both = np.column_stack([prices.per_accelerator] * 2) if sides is None else sides
    noise = NOISE * abs(solution.value or 0.0) / np.maximum(1.0, allocation.space.capacity)
    if not (np.abs(both) > noise[:, None]).any():
        return Group(title, Text("no type is scarce: one more of any is worth nothing"))
    table = Table.grid(padding=(0, 2, 0, 0))
    for at, name in enumerate(list(prices)[:ROWS]):
        (more, less), least = both[at].tolist(), float(noise[at])
        sentence = _sentence(solution, more, less, least) + _money(prices, name, more, least)
        if allocation.space.capacity[at] == 0:  # no gang fits while there is none, so a derivative says nothing
            sentence = "would be the first: go.what_if tells what it is worth"
        table.add_row(Text(f"one more {words.printable(name)}", overflow="ellipsis", no_wrap=True), Text(sentence))
    rest = len(prices) - ROWS
    return Group(
        title, table, *([Text(f"{words.count(rest, 'type')} more: solution.prices", style="dim")] * (rest > 0))
    )


def _money(prices: Prices, name: str, more: float, noise: float) -> str:
    """The same per unit of cost (money an hour), where the type's is known."""
    costs = prices.cost_per_hour
    cost = 0.0 if costs is None else float(costs[prices.accelerators.index(name)])
    if not cost > 0 or abs(more) <= noise:
        return ""
    return f" ({abs(more) / cost:.4g} per unit cost)"


def known_sides(solution: Solution, one_sided: bool | None = None) -> tuple[bool, FloatArray | None]:
    """Whether both sides of the prices were asked for (see ``prices_view``), and the (R, 2) sides where they are known."""
    if solution.prices is None or solution.allocation is None:
        return False, None
    asked = solution.allocation.space.size <= SIDES_CELLS if one_sided is None else one_sided
    return asked, solution.prices.sides if asked else None


def _about(solution: Solution, sides: FloatArray | None, asked: bool) -> str:
    assert solution.prices is not None
    if sides is not None:
        return "unique" if solution.prices.unique else "not unique: one more and one less are worth different amounts"
    if solution.status != "optimal":
        return "those that prove the bound; the answer is not proved optimal"
    return "whether they are unique is not known" if asked else "not checked for uniqueness at this size"


def _sentence(solution: Solution, more: float, less: float, noise: float) -> str:
    """``is worth 2.8 steps/s; one less costs 2.9``; values within ``noise`` are nothing."""
    verb = "is worth" if solution.policy.sense == "max" else "saves"
    gain = f"{verb} {words.number(abs(more))} {solution.unit}".rstrip() if abs(more) > noise else "is worth nothing"
    if abs(more - less) <= max(noise, 1e-6 * abs(more)) or np.isinf(less):
        return gain
    return f"{gain}; one less costs {words.number(abs(less))}"
