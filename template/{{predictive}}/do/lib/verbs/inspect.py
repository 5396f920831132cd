"""do/inspect: show what the model's file tells, without running anything in it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from lib import cli
from lib.cli import ExitCode, VerbError
from lib.inspection import Findings, Model, NoModel, Unreadable, inspect
from lib.inspection.packages import PACKAGES
from lib.model import memory, versions

EPILOG = """\
Reads the file as data, without running code from it: a pickle's opcodes, the headers of XGBoost's and Keras's formats,
a SavedModel's protocol buffer. Exits with code 1 if the versions in requirements.txt may not load the
model, or if it can't fit into the memory that it has in AWS.

examples:
  do/inspect
  do/inspect ~/models/model.tar.gz
  do/inspect --json"""


def main() -> int:
    arguments = cli.parser("Show what the model file reveals, without running code from it.", EPILOG)
    arguments.add_argument("path", nargs="?", type=Path, help="a file, a folder or a .tar.gz; default: model/")
    arguments.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    options = cli.parse(arguments)
    path = options.path or versions.present()
    try:
        with inspect(path) as model:
            problem = versions.problem(model.findings)
            load = None if options.path else memory.on_disk()
            print(json.dumps(asdict(model.findings), indent=2) if options.json else "\n".join(lines(model, load)))
    except (NoModel, Unreadable) as error:
        raise VerbError(f"{error}", ExitCode.FAILED) from None
    except PermissionError:
        raise  # cli.run names the file
    except OSError as error:
        raise VerbError(f"can't read {path}: {error.strerror}: name another one", ExitCode.MISSING_FILE) from None
    problems = [f"{model.path.name} {problem}"] if problem else []
    problems += [load.problem] if load and not load.fits else []
    for line in problems:
        cli.say(line)
    return ExitCode.FAILED if problems else ExitCode.OK


def lines(model: Model, load: memory.Load | None) -> list[str]:
    """The findings, one a line; what the file doesn't tell is left out."""
    found = model.findings
    told = {
        "file": model.path.name,
        "framework": found.framework,
        "format": found.model_format,
        "saved by": " ".join(filter(None, (found.package, found.version))),
        "numpy": f"{found.numpy}.x" if found.numpy else "",
        "columns": ", ".join(f"{name} ({kind})" if kind else name for name, kind in found.columns.items()),
        "imports": ", ".join(found.modules),
        "memory": f"at least {load}" if load else "",
        **missing(found),
    }
    return [f"{name + ':':<12}{value}" for name, value in told.items() if value]


def missing(found: Findings) -> dict[str, str]:
    """What loading the model needs and the project lacks, with what to do."""
    result = {}
    if unknown := [module for module in versions.lacking(found) if module not in PACKAGES]:
        packages = " ".join(module.replace("_", "-") for module in unknown)
        result["lacking"] = (
            f"{', '.join(unknown)}: put your module into code/, or run do/lock {packages} for one from a package"
        )
    if found.own_classes:
        result["own classes"] = f"{', '.join(found.own_classes)}: code/README.md says how they are found"
    return result
