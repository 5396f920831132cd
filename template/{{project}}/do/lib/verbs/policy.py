"""do/policy: check the project against its organization's policy. Changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lib import cli, config, policy
from lib.cli import ROOT, ExitCode, VerbError, say
from lib.image import images
from lib.local import environment

EPILOG = """\
Checks the answers, the settings (including those from the environment) and the Dockerfile against the policy that the
project recorded, or against FILE. Exits with code 1 if something is refused. For CI and for fleets of projects.

examples:
  do/policy                    against the policy that the project recorded
  do/policy mcc-policy.yml     against this one"""

USER = re.compile(r"^(?:ARG USER_ID=|USER )(\d+|root)\s*$", re.MULTILINE)


def main() -> int:
    arguments = cli.parser("Check the project against its organization's policy.", EPILOG)
    arguments.add_argument(
        "file", nargs="?", metavar="FILE", type=Path, help="a policy file, instead of the recorded one"
    )
    options = cli.parse(arguments)
    rules = read(options.file) if options.file else policy.recorded()
    if not rules:
        say("this project records no policy: nothing to check")
        return ExitCode.OK
    refused = list(refusals(rules))
    for line in refused:
        print(line)
    print(f"{rules['title']}: {len(refused)} refused" if refused else f"{rules['title']}: the project complies")
    return ExitCode.FAILED if refused else ExitCode.OK


def read(file: Path) -> Mapping[str, Any]:
    """The policy in a file. Raises VerbError where it can't be read."""
    environment.enter_verbs()  # it has a reader of YAML
    import yaml

    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
        rules = [rule for kind in ("questions", "settings") for rule in found.get(kind, {}).values()]
        if not all(isinstance(rule["reason"], str) and policy.REMEDIES.keys() & rule for rule in rules):
            raise TypeError
        return {**found, "title": f"{found['policy']} {found['version']}"}
    except OSError as error:
        raise VerbError(f"{file}: {error.strerror}", ExitCode.MISSING_FILE) from None
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError, AttributeError):
        raise VerbError(
            f"{file} is not a policy: see docs/organizations.md of the template", ExitCode.BAD_CONFIGURATION
        ) from None


def refusals(rules: Mapping[str, Any]) -> Iterator[str]:
    """A line for each value that the policy refuses."""
    current = config.load()
    for key in current:
        if refusal := policy.refusal(key, current[key], rules):
            yield f"{key}={current[key]} ({current.source(key)}): {refusal}"
    for key, value in built().items():
        if value != current[key] and (refusal := policy.refusal(key, value, rules)):
            yield f"{key}={value} (Dockerfile): {refusal}"


def built() -> dict[str, str]:
    """What the Dockerfile says of answers that it was made from, and that an edit by hand may have changed."""
    answers, found = config.ANSWERS, {}
    if answers["BASE_IMAGE"]:
        found["BASE_IMAGE"] = images.base()
    if "RUN_AS_ROOT" in answers:
        user = USER.search((ROOT / "Dockerfile").read_text(encoding="utf-8"))
        found["RUN_AS_ROOT"] = "true" if not user or user[1] in ("0", "root") else "false"
    return found
