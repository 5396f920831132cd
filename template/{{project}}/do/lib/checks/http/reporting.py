"""How the results of checks are shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from lib.checks.results import Result
from lib.cli import ExitCode


def shown(results: Iterable[Result], quiet: bool) -> Iterator[Result]:
    """The same results, printed as they come."""
    for result in results:
        if not quiet:
            print(result, flush=True)
        yield result


def report(kind: str, tested: str, results: list[Result], as_json: bool, note: str = "") -> int:
    """Print what all results come to, and a note on what was tested; the exit code."""
    failed = sum(result.outcome == "FAIL" for result in results)
    if as_json:
        document = {kind: tested, "failed": failed, "checks": [asdict(result) for result in results]}
        print(json.dumps(document | ({"note": note} if note else {}), indent=2))
    else:
        outcome = f"{failed} failed" if failed else "all is well"
        print(f"{len(results)} checks of {tested}: {outcome}" + (f" ({note})" if note else ""))
    return ExitCode.FAILED if failed else ExitCode.OK
