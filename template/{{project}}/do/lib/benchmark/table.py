"""The result as lines for a terminal: a row for each case, the median of each figure and its spread over the rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def lines(document: Mapping[str, Any], columns: Mapping[str, str]) -> list[str]:
    """The table of some figures, by name with their headings."""
    rows = [["", *columns.values()]]
    for case in document["cases"]:
        rows.append([case["name"], *(cell(case["summary"].get(name)) for name in columns)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_line(row, widths) for row in rows]


def cell(summary: Mapping[str, float] | None) -> str:
    """A median, and half of the range around it in percent; a dash if there is none."""
    if summary is None:
        return "-"
    middle = summary["median"]
    spread = 50 * (summary["highest"] - summary["lowest"]) / middle if middle else 0
    return number(middle) + (f" ±{spread:.0f} %" if spread else "")


def number(value: float) -> str:
    """A figure with three digits that count, and all those before the point."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        text.ljust(width) if not place else text.rjust(width)
        for place, (text, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()
