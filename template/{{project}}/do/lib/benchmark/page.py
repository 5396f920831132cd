"""The result as one HTML page that needs nothing else: charts and a table, light or dark, and readable when printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from lib.benchmark.table import cell, number

STYLE = Path(__file__).with_name("page.css")


def render(
    document: Mapping[str, Any], columns: Mapping[str, str], charted: Sequence[str], notes: Sequence[str]
) -> str:
    """The page. The table has `columns` (figures by name, with their headings); `charted` figures have a chart each."""
    title = f"Benchmark of {document['project']}"
    charts = [chart(document, name) for name in charted if any(name in case["summary"] for case in document["cases"])]
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(_conditions(document))}</p>",
        *(f'<p class="note">{escape(note)}</p>' for note in [*notes, *_problems(document)]),
        "<p>A bar is the median over the rounds; the line is the range from the lowest to the highest.</p>",
        *charts,
        "<h2>All figures</h2>",
        "<p>The median over the rounds, and half of the range around it.</p>",
        *_table(document, columns),
    ]
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def chart(document: Mapping[str, Any], name: str) -> str:
    """A bar for each case that has a figure, with a line from its lowest to its highest value over the rounds."""
    metric = document["metrics"][name]
    cases = [(case["name"], case["summary"][name]) for case in document["cases"] if name in case["summary"]]
    scale = 100 / (max(summary["highest"] for _, summary in cases) or 1)
    better = f", {metric['better']} is better" if metric["better"] else ""
    heading = f"{metric['title'].capitalize()} ({metric['unit']}{better})"
    bars = [_bar(label, summary, scale, metric["unit"]) for label, summary in cases]
    return "\n".join(["<section>", f"<h2>{escape(heading)}</h2>", *bars, "</section>"])


def _bar(label: str, summary: Mapping[str, float], scale: float, unit: str) -> str:
    middle, low, high = (summary[name] * scale for name in ("median", "lowest", "highest"))
    value = number(summary["median"])
    says = f"{label}: {value} {unit}, from {number(summary['lowest'])} to {number(summary['highest'])}"
    return (
        f'<div class="row"><span>{escape(label)}</span><span class="value">{escape(value)}</span></div>\n'
        f'<svg role="img" aria-label="{escape(says)}" width="100%" height="16"><title>{escape(says)}</title>'
        f'<rect class="bar" width="{middle:.2f}%" height="16"/>'
        f'<line class="range" x1="{low:.2f}%" x2="{high:.2f}%" y1="8" y2="8"/></svg>'
    )


def _conditions(document: Mapping[str, Any]) -> str:
    machine, settings = document["machine"], document["settings"]
    when = document["measured"][:16].replace("T", " ")
    size = f"{settings['requests']} requests" if settings["requests"] else f"{settings['seconds']:g} s"
    return (
        f"{document['target']}, measured {when} UTC in {settings['repeats']} rounds of {size}, after a warm-up of "
        f"{settings['warm_up']:g} s. Client: {machine['cpus']} CPUs, {machine['system']}, Python {machine['python']}."
    )


def _problems(document: Mapping[str, Any]) -> Iterator[str]:
    for case in document["cases"]:
        for problem, count in case["problems"].items():
            yield f"{case['name']}: {count:,} times {problem}"


def _table(document: Mapping[str, Any], columns: Mapping[str, str]) -> Iterator[str]:
    yield '<div class="wide"><table>'
    yield _row("th", ["", *columns.values()])
    for case in document["cases"]:
        yield _row("td", [case["name"], *(cell(case["summary"].get(name)) for name in columns)])
    yield "</table></div>"


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(text)}</{tag}>' for text in cells)}</tr>"
