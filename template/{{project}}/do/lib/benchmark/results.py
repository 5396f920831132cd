"""Results of do/benchmark as JSON files, in benchmarks/.

A file has `schema` (1), `kind` (predictive or generative), `project`, `target` (a URL or an endpoint), `measured`
(when, in UTC), `machine` (the client's), `settings` (what was asked for), `metrics` (each figure's title, unit and
whether higher or lower is better), and `cases`.

A case has a `name`, the name of its `workload`, its `load` (`connections`, and `rate`, which is null in a closed loop),
the `rounds` with the figures of each, the `summary` (median, lowest and highest of each figure over the rounds), and
`problems` (how often an answer was wrong in which way).
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lib import config
from lib.benchmark.figures import Metric
from lib.cli import ROOT, ExitCode, VerbError

SCHEMA = 1
FOLDER = ROOT / "benchmarks"

Result = dict[str, Any]


def result(
    target: str, settings: Mapping[str, Any], metrics: Mapping[str, Metric], cases: Sequence[Mapping[str, Any]]
) -> Result:
    """The document."""
    values = config.load()
    return {
        "schema": SCHEMA,
        "kind": values["MODEL_KIND"],
        "project": values["PROJECT_NAME"],
        "target": target,
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "settings": dict(settings),
        "metrics": {name: asdict(metric) for name, metric in metrics.items()},
        "cases": list(cases),
    }


def write(document: Result, file: Path | None) -> Path:
    """Write a result to a file, or to one of its own in FOLDER; where it is. Raises VerbError."""
    file = file or FOLDER / f"{document['measured'][:19].replace(':', '')}Z.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise VerbError(f"can't write {file}: {error.strerror}", ExitCode.MISSING_FILE) from None
    return file


def read(file: Path) -> Result:
    """A result from a file. Raises VerbError for anything else."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise VerbError(f"can't read {file}: {error.strerror}", ExitCode.MISSING_FILE) from None
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise VerbError(f"{file} is not a result of do/benchmark with schema {SCHEMA}", ExitCode.BAD_CONFIGURATION)
    return document
