"""do/check: compare serving/engine.yml with the options that the engine has."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lib import cli
from lib.cli import ROOT, ExitCode, VerbError

EPILOG = """\
Finds unknown options, invalid values and secrets before you spend minutes building an image. The known options are in
serving/engine_options.json, for the engine version named there.

examples:
  do/check
  do/check other.yml"""

ENGINE_FILE = ROOT / "serving" / "engine.yml"
KNOWN = ROOT / "serving" / "engine_options.json"


def main() -> int:
    arguments = cli.parser("Check the options in serving/engine.yml.", EPILOG)
    arguments.add_argument("file", nargs="?", type=Path, default=ENGINE_FILE, help="default: serving/engine.yml")
    options = cli.parse(arguments)
    known = json.loads(KNOWN.read_text())
    given = read(options.file)
    found = [problem for name, value in given.items() for problem in problems(name, value, known)]
    for problem in found:
        print(f"{options.file.name}: {problem}")
    if not found:
        print(f"{options.file.name}: {len(given)} options, and version {known['version']} of the engine has them all")
    if known["version"] != known["image_version"]:
        print(f"note: the image has version {known['image_version']}, which may lack some or have others")
    return ExitCode.FAILED if found else ExitCode.OK


def read(file: Path) -> dict[str, Any]:
    """The options in the file, as the entrypoint reads them. Raises VerbError for a file that can't be read."""
    sys.path.append(str(ROOT))  # `serving` is the container's, not the verbs'
    from serving import options, settings

    try:
        return options.read(file)
    except settings.SettingError as error:
        raise VerbError(str(error), ExitCode.FAILED) from None
    except OSError as error:
        raise VerbError(f"can't read {file}: {error.strerror}", ExitCode.MISSING_FILE) from None


def problems(name: str, value: Any, known: dict[str, Any]) -> Iterator[str]:
    """What is wrong with an option."""
    from serving.options import SECRET, canonical

    names = {canonical(option): option for option in known["options"]}
    choices = {canonical(option): values for option, values in known["choices"].items()}
    if SECRET.search(name):
        yield f"{name} is a secret, which the image would hold for everyone to read: leave it out"
    elif not is_known(name, value, names):
        near = difflib.get_close_matches(name, names, n=1)
        yield f"the engine has no option {name}" + (f": did you mean {names[near[0]]}?" if near else "")
    elif isinstance(value, str) and value not in choices.get(name, [value]):
        near = difflib.get_close_matches(value, choices[name], n=1)
        hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(choices[name])}"
        yield f"{names[name]} can't be {value}: {hint}"


def is_known(name: str, value: Any, names: dict[str, str]) -> bool:
    """Whether the engine has an option: by its name, as `no_...` of a switch, or as a part of it, `name.part`."""
    if "extra_llm_api_options" in names and isinstance(value, dict):
        return True  # of TensorRT-LLM's LLM API, which checks it
    return any(spelled in names for spelled in (name, name.removeprefix("no_"), name.partition(".")[0]))
