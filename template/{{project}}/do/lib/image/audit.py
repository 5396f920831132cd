"""Looks up known vulnerabilities of Python packages, with pip-audit."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lib import programs
from lib.cli import ROOT, ExitCode, VerbError, log
from lib.image.sbom import Package
from lib.local import environment

REQUIREMENTS = (ROOT / "do" / "requirements.txt", ROOT / "do" / "requirements-audit.txt")
UNREACHABLE = r"ConnectionError|Max retries exceeded|Name or service not known|timed out|Could not connect|ProxyError"


@dataclass(frozen=True)
class Vulnerability:
    """A known vulnerability of an installed package."""

    package: str
    version: str
    identity: str
    fixed_in: str

    def __str__(self) -> str:
        return f"{self.package} {self.version}: {self.identity}, {self.fixed_in}"


class Unreachable(Exception):
    """The data of known vulnerabilities can't be had; the text says why."""


class Findings(NamedTuple):
    """What was found, and why some packages could not be looked up."""

    vulnerabilities: list[Vulnerability]
    skipped: list[str]


def check(packages: list[Package]) -> Findings:
    """The known vulnerabilities of these packages. Raises Unreachable, and VerbError for anything else."""
    python = environment.ensure(environment.VERBS, REQUIREMENTS)
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "requirements.txt"
        pins.write_text("".join(f"{name}=={version}\n" for name, version, _ in packages))
        options = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json")
        command = [str(python), "-m", "pip_audit", *options, "--requirement", str(pins)]
        log.debug("%s", " ".join(command))
        done = programs.attempt(command)
    if not done.stdout.strip():
        raise _failure(done.stderr)
    return _read(json.loads(done.stdout)["dependencies"])


def _read(dependencies: list[dict[str, Any]]) -> Findings:
    """pip-audit's report. Raises Unreachable where it could look up nothing at all."""
    skipped = [found["skip_reason"] for found in dependencies if "skip_reason" in found]
    if skipped and len(skipped) == len(dependencies):
        raise Unreachable(skipped[0])
    vulnerabilities = [
        Vulnerability(found["name"], found["version"], entry["id"], _advice(entry["fix_versions"]))
        for found in dependencies
        for entry in found.get("vulns", ())
    ]
    return Findings(vulnerabilities, skipped)


def _advice(versions: list[str]) -> str:
    return f"fixed in {', '.join(versions)}" if versions else "not fixed yet"


def _failure(output: str) -> Exception:
    line = (output.strip().splitlines() or ["pip-audit said nothing"])[-1]
    if re.search(UNREACHABLE, output):
        return Unreachable(line)
    return VerbError(f"pip-audit failed: {line}", ExitCode.FAILED)
