"""A fairness audit as text: the properties with their figures, who breaks them, how even it is, what fairness costs."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gavelopt.judge.audit import Audit
from gavelopt.judge.findings import Finding
from gavelopt.report import words
from gavelopt.report.layout import facts, plain, sheet

WORST = 3  # violations spelled out a property
LISTED = 12  # types or entities in a line of Jain's indices
VERDICTS = {True: ("holds", "green"), False: ("violated", "red"), None: ("undecided", "yellow")}


def audit_text(audit: Audit) -> str:
    """The audit as plain text, as wide as the terminal."""
    return plain(audit_view(audit))


def audit_view(audit: Audit, worst: int = WORST) -> RenderableType:
    """The whole audit; ``worst`` violations are spelled out for each property."""
    jobs, types = audit.allocation.shape
    title = Text("audit", style="bold")
    title.append(f" of {audit.policy or 'an allocation'}", style="bold")
    title.append(f"  {words.count(jobs, 'job')}, {words.count(types, 'accelerator type')}", style="not bold dim")
    parts: list[RenderableType] = [title, _constraints(audit), "", _properties(audit)]
    for finding in audit.findings:
        if finding.violations and worst > 0:
            parts += ["", *_violations(finding, worst)]
    return Group(*parts, "", _figures(audit))


def _constraints(audit: Audit) -> RenderableType:
    broken = [c for c in audit.checks if not c.passed]
    if not broken:
        return Text("every constraint is kept: " + ", ".join(c.name for c in audit.checks), style="dim")
    grid = facts()
    for check in broken:
        where = "" if check.worst is None else f", worst at {words.printable(check.worst)}"
        grid.add_row(check.name, Text(f"broken by {words.number(check.residual)}{where}", style="red"))
    return grid


def _properties(audit: Audit) -> Table:
    table = sheet()
    table.add_column("property", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("jobs", justify="right", no_wrap=True)
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("which is", overflow="fold")
    for finding in audit.findings:
        verdict, style = VERDICTS[finding.holds]
        figure = "" if finding.figure is None else f"{finding.figure:.4g}"
        about = finding.measure + (f"; {finding.note}" if finding.note else "")
        count = f"{finding.count:,}" if finding.count else ""
        table.add_row(Text(finding.title), Text(verdict, style=style), count, figure, Text(about))
    return table


def _violations(finding: Finding, worst: int) -> Iterator[Text]:
    yield Text(finding.title, style="bold")
    shown = finding.violations[:worst]
    for violation in shown:
        yield Text("  " + words.printable(violation.text), overflow="fold")
    if finding.count > len(shown):
        yield Text(f"  and {words.count(finding.count - len(shown), 'job')} more", style="dim")


def _figures(audit: Audit) -> RenderableType:
    grid, even = facts(), audit.evenness
    for measure, price in audit.price_of_fairness.items():
        if price is not None:
            what = (
                "total throughput"
                if measure == "throughput"
                else "normalised throughput (a job at full speed counts 1)"
            )
            grid.add_row("price of fairness", Text(f"{100 * price:.3g} % of the largest possible {what} is given up"))
    if even.jobs is not None:
        grid.add_row("Jain's index", Text(f"{even.jobs:.4g} over jobs, of throughputs over those of the own slices"))
    for name, indices in (("by accelerator", even.by_accelerator), ("by entity", even.by_entity)):
        known = [f"{words.printable(label)} {value:.4g}" for label, value in indices.items() if value is not None]
        if known:
            grid.add_row(name, Text(", ".join(known[:LISTED]) + (", ..." if len(known) > LISTED else "")))
    if even.entities is not None:
        grid.add_row("between entities", Text(f"{even.entities:.4g}, of normalised throughputs per entity weight"))
    return grid
