"""Whether what requirements.txt pins can load the model, by what the model's file tells. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lib.cli import ROOT, ExitCode, VerbError
from lib.inspection import Findings, Model, NoModel, Unreadable, inspect, numbers
from lib.inspection.packages import PACKAGES
from lib.model import artifacts

REQUIREMENTS = ROOT / "requirements.txt"
OVERRIDES = ROOT / "overrides.txt"  # what is left out of what packages ask for
PIN = re.compile(r"^([a-z0-9-]+)==([\w.]+)", re.MULTILINE)
# a package, perhaps with extras, and versions of it
REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[\w, .-]*\])? *((?:[=<>~!]=?|===)[\w.*+!,<>=~ -]+)?")
# builds of the same package for CPUs only
BUILDS = ("", "-cpu")


def require_loadable(model_dir: Path) -> None:
    """Raise VerbError if what is pinned can't be relied on to load the model in a folder, by the version in it."""
    try:
        with inspect(model_dir) as model:
            reason = problem(model.findings)
            name = shown(model)
            found = model.findings
    except (NoModel, OSError):
        return  # the server says what it lacks, and the owner's own `load` may take what nobody here knows
    except Unreadable as error:
        raise VerbError(f"the model can't be loaded: {error}: save it again", ExitCode.MISSING_FILE) from None
    if found.version and not REQUIREMENTS.exists():
        lock = f"do/lock {found.package}=={found.version}"
        raise VerbError(f"requirements.txt is missing: run {lock}", ExitCode.MISSING_FILE)
    if reason:
        raise VerbError(f"{name} {reason}", ExitCode.BAD_CONFIGURATION)


def problem(findings: Findings) -> str:
    """Why what is pinned may not load the model, and what to run, to follow its name; empty if it can."""
    if missing := unmet(findings.requires):
        return f"needs {', '.join(missing)[:300]}, which requirements.txt lacks: run do/lock --model"
    known = [PACKAGES[module] for module in lacking(findings) if module in PACKAGES]
    if known:
        verb = "needs the package" if len(known) == 1 else "needs the packages"
        return f"{verb} {', '.join(known)}, which requirements.txt lacks: run do/lock {' '.join(known)}"
    pinned = pin(findings.package)
    if not findings.version or not pinned or findings.suits(pinned):
        return ""
    return (
        f"was saved by {findings.package} {findings.version}, and requirements.txt has {pinned}, which can't be relied "
        f"on to load it: run do/lock {findings.package}=={findings.version}"
    )


def lacking(findings: Findings) -> list[str]:
    """The modules that loading the model imports, and that neither requirements.txt nor code/ brings."""
    pinned = {name.replace("-", "_") for name, _ in PIN.findall(_requirements())}
    brought = {module for module, package in PACKAGES.items() if _brings(package, pinned)}
    code = ROOT / "code"
    own = {path.stem for path in code.glob("*")} if code.is_dir() else set()
    return sorted({*findings.modules} - pinned - brought - own - {"sklearn"}) if pinned else []


def _brings(package: str, pinned: set[str]) -> bool:
    return any(f"{package}{build}".replace("-", "_") in pinned for build in BUILDS)


def _requirements() -> str:
    return REQUIREMENTS.read_text() if REQUIREMENTS.exists() else ""


def unmet(required: Sequence[str]) -> list[str]:
    """Of a model's own requirements those that are not pinned, or in another minor version than the one they name.

    What overrides.txt leaves out is not missed.
    """
    return [
        f"{name}{specifier}"
        for name, specifier in requirements(required)
        if name not in left_out() and REQUIREMENTS.exists() and not _is_pinned(name, specifier)
    ]


def left_out() -> set[str]:
    """The packages that overrides.txt leaves out."""
    return {name for name, _ in requirements(OVERRIDES.read_text().splitlines())} if OVERRIDES.exists() else set()


def _is_pinned(name: str, specifier: str) -> bool:
    found = pins(name)
    if not specifier.startswith("=="):
        return bool(found)
    return numbers(specifier)[:2] in {numbers(version)[:2] for version in found}


def requirements(lines: Sequence[str]) -> list[tuple[str, str]]:
    """The packages in lines of a requirements.txt, with what is asked of their versions. Other lines are left out."""
    found = (REQUIREMENT.fullmatch(line.partition(";")[0].strip()) for line in lines)
    return [(normalized(match[1]), match[2] or "") for match in found if match]


def normalized(name: str) -> str:
    """A package's name as requirements.txt has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pin(package: str) -> str:
    """The version of a package that requirements.txt pins, the newest if it depends on Python's; empty if none."""
    return max(pins(package), key=numbers, default="")


def pins(package: str) -> list[str]:
    """The versions of a package that requirements.txt pins; several if they depend on Python's."""
    builds = {f"{package}{build}" for build in BUILDS}
    return [version for name, version in PIN.findall(_requirements()) if name in builds]


def shown(model: Model) -> str:
    """The path of a model as the owner would write it."""
    inside = model.path.is_relative_to(ROOT)
    return str(model.path.relative_to(ROOT)) if inside else str(model.path)


def present() -> Path:
    """The folder of the project's model. Raises VerbError if there is none."""
    artifacts.require(artifacts.MODEL_DIR)
    return artifacts.MODEL_DIR
