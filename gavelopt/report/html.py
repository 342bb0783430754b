"""The parts of a page that needs nothing else: escaped text, tables that sort and filter, pictures inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f6f7f9; color: #222831; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 24px 20px 64px; }
h1 { font-size: 26px; margin: 8px 0 4px; }
h2 { font-size: 19px; margin: 40px 0 8px; }
p.note, .facts, figcaption { color: #4a5563; font-size: 13.5px; }
.facts span { display: inline-block; margin-right: 18px; }
.good { color: #1d6b3c; } .bad { color: #a32020; } .open { color: #8a5a00; }
.banner { padding: 10px 14px; border-radius: 8px; background: #e7f3ec; margin: 16px 0; }
.banner.bad { background: #fbeaea; }
.wide { overflow-x: auto; background: #fff; border: 1px solid #dfe3e8; border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 10px; text-align: left; white-space: nowrap; vertical-align: top; }
td.n, th.n { text-align: right; }
th { position: sticky; top: 0; background: #eef1f5; cursor: pointer; user-select: none; font-weight: 600; }
th[aria-sort="ascending"]::after { content: " \\2191"; } th[aria-sort="descending"]::after { content: " \\2193"; }
tbody tr:nth-child(even) { background: #fafbfc; }
tbody tr:hover { background: #eef4fb; }
td .more { white-space: normal; min-width: 320px; max-width: 420px; }
input.filter { margin: 4px 0 8px; padding: 6px 10px; width: min(360px, 100%); border: 1px solid #c9d0d9;
  border-radius: 6px; font: inherit; }
figure { margin: 0; background: #fff; border: 1px solid #dfe3e8; border-radius: 8px; padding: 12px; }
figure img { max-width: 100%; height: auto; display: block; margin: 0 auto; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(340px, 100%), 1fr)); gap: 14px; }
.card { background: #fff; border: 1px solid #dfe3e8; border-left: 4px solid #9aa5b1; border-radius: 8px; padding: 10px 14px; }
.card.good { border-left-color: #2f9e5b; color: inherit; } .card.bad { border-left-color: #c23b3b; color: inherit; }
.card b { font-size: 20px; } .card h3 { margin: 0 0 4px; font-size: 14px; }
.card p { margin: 2px 0; font-size: 13px; color: #4a5563; }
summary { cursor: pointer; }
"""

SCRIPT = """
document.querySelectorAll("table.sorts").forEach(table => {
  const body = table.tBodies[0];
  table.querySelectorAll("th").forEach((head, column) => {
    const sort = () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = row => row.cells[column].dataset.v ?? row.cells[column].textContent;
      const both = (a, b) => {
        const x = key(a), y = key(b);
        if (x === "" || y === "") return (x === "") - (y === "");
        const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
        return up ? order : -order;
      };
      [...body.rows].sort(both).forEach(row => body.append(row));
    };
    head.tabIndex = 0;
    head.addEventListener("click", sort);
    head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
  });
});
document.querySelectorAll("input.filter").forEach(input => input.addEventListener("input", () => {
  const words = input.value.toLowerCase().split(/\\s+/);
  const rows = document.getElementById(input.dataset.table).tBodies[0].rows;
  for (const row of rows) row.hidden = !words.every(word => row.textContent.toLowerCase().includes(word));
}));
"""


@dataclass(frozen=True)
class Cell:
    """A cell: what is shown, what it sorts by (the text where None), and HTML that needs no escaping in place of the text."""

    text: str
    value: float | None = None
    html: str | None = None
    numeric: bool = False


def number(text: str, value: float | None) -> Cell:
    """A cell that sorts by ``value``; an empty one sorts last."""
    return Cell(text, value, numeric=True)


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]], name: str, *, filters: bool = False) -> str:
    """A table that sorts by a click on a head; with ``filters`` a field above it hides rows without the words typed."""
    lines = list(rows)
    numeric = [bool(lines) and lines[0][column].numeric for column in range(len(heads))]
    top = "".join(f"<th{_class(n)}>{escape(head)}</th>" for head, n in zip(heads, numeric, strict=True))
    body = "\n".join("<tr>" + "".join(map(_cell, line)) + "</tr>" for line in lines)
    field = f'<input class="filter" data-table="{name}" placeholder="filter: type words" aria-label="filter rows">'
    grid = f'<table class="sorts" id="{name}"><thead><tr>{top}</tr></thead><tbody>\n{body}\n</tbody></table>'
    return f'{field if filters else ""}<div class="wide">{grid}</div>'


def _cell(cell: Cell) -> str:
    sorts = "" if not cell.numeric else f' data-v="{"" if cell.value is None else repr(float(cell.value))}"'
    return f"<td{_class(cell.numeric)}{sorts}>{escape(cell.text) if cell.html is None else cell.html}</td>"


def _class(numeric: bool) -> str:
    return ' class="n"' if numeric else ""


def picture(figure: Any, caption: str) -> str:
    """A matplotlib Figure as a picture inside the page; the same figure gives the same text."""
    from matplotlib import rc_context

    text = io.BytesIO()
    with rc_context({"svg.hashsalt": "gavelopt"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    data = base64.b64encode(text.getvalue()).decode("ascii")
    words = escape(caption)
    return (
        f'<figure><img alt="{words}" src="data:image/svg+xml;base64,{data}"><figcaption>{words}</figcaption></figure>'
    )


def page(title: str, parts: Iterable[str]) -> str:
    """The whole document."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><main>\n{chr(10).join(parts)}\n</main><script>{SCRIPT}</script></body></html>\n"
    )
