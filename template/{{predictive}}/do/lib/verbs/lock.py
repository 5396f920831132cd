"""do/lock: compile requirements.in into requirements.txt, with other versions where they are given."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from lib import cli, programs
from lib.cli import ROOT, ExitCode, VerbError, log, say
from lib.inspection import NoModel, Unreadable, inspect, numbers, row_for
from lib.local import environment
from lib.model import artifacts, versions

EPILOG = """\
Writes the versions to requirements.in and compiles it into requirements.txt, with the hashes of all wheels for the
image's Python. The environments and the image use them the next time they are set up. With an older version come the
packages of its time and the newest Python that it has wheels for.

examples:
  do/lock                                       after you change requirements.in
  do/lock scikit-learn==1.5.2                   the version that saved the model
  do/lock category-encoders                     another package, in its newest version that fits
  do/lock --model                               the versions that an MLflow model lists in its requirements.txt
  do/lock --python 3.11                         another Python for the image and .venv
  do/lock --upgrade                             the newest versions of all packages"""

REQUIREMENTS_IN = ROOT / "requirements.in"
DOCKERFILE = ROOT / "Dockerfile"
VERSION = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)((?:(?:==|>=|<=|~=|<|>)[\w.*+!,<>=~-]+)?)")
COMPILE = ("--universal", "--generate-hashes", "--no-header")
LOWEST_PYTHON = 10  # of Python 3: .venv has the Python of the verb where the image's is not there
OLDER: dict[str, Any] = json.loads(Path(artifacts.__file__).with_name("older.json").read_text(encoding="utf-8"))


def main() -> int:
    arguments = cli.parser("Compile requirements.in into requirements.txt.", EPILOG)
    arguments.add_argument("versions", nargs="*", metavar="PACKAGE[==VERSION]", help="a package for requirements.in")
    arguments.add_argument("--model", action="store_true", help="also the packages that the model's own folder lists")
    arguments.add_argument("--python", metavar="X.Y", help="also change the Python of the image and of .venv")
    arguments.add_argument("--upgrade", action="store_true", help="upgrade all packages to compatible versions")
    options = cli.parse(arguments)
    asked = dict(parsed(version) for version in options.versions)
    listed = of_model() if options.model else {}  # complete: packages of their time would only contradict it
    python = options.python or newest_python(asked)
    if not re.fullmatch(r"3\.\d{1,2}", python):
        raise VerbError(f"{python} is not a Python version: give one such as 3.12", ExitCode.BAD_CONFIGURATION)
    uv = environment.uv()
    before = REQUIREMENTS_IN.read_text()
    text = with_versions(before, {**companions(asked), **listed, **asked})
    REQUIREMENTS_IN.write_text(text)
    try:
        compile_lock(uv, python, options.upgrade)
    except VerbError:
        REQUIREMENTS_IN.write_text(before)
        raise
    if python != environment.image_python():
        change_python(python)
    print(f"requirements.txt is compiled for Python {python}")
    if artifacts.contents():
        versions.require_loadable(artifacts.MODEL_DIR)
    return ExitCode.OK


def parsed(version: str) -> tuple[str, str]:
    """A package and its specifier, which is empty if any version will do. Raises VerbError."""
    match = VERSION.fullmatch(version)
    if not match:
        raise VerbError(
            f"{version!r} is no package and version: give one such as numpy==1.26.4", ExitCode.BAD_CONFIGURATION
        )
    return match[1].lower(), match[2]


def of_model() -> dict[str, str]:
    """The packages that the model says it needs, with their versions. Raises VerbError if there is no model."""
    try:
        with inspect(versions.present()) as model:
            required = model.findings.requires
    except (NoModel, Unreadable) as error:
        raise VerbError(f"can't read what the model needs: {error}", ExitCode.FAILED) from None
    if not required:
        say("the model doesn't list what it needs")
    known = versions.requirements(required)
    for line in [line for line in required if not versions.requirements([line])]:
        say(f"left out {line}: write it into requirements.in if the model needs it")
    return {name: specifier for name, specifier in known if name not in versions.left_out()}


def needs(asked: dict[str, str]) -> list[dict[str, Any]]:
    """The rows of the versions that are asked for."""
    exact = {package: specifier[2:] for package, specifier in asked.items() if specifier.startswith("==")}
    rows = [row_for(version, OLDER.get(package, {})) for package, version in exact.items()]
    return [row for row in rows if row]


def newest_python(asked: dict[str, str]) -> str:
    """The image's Python, unless what is asked for has no wheels for it."""
    return min([environment.image_python(), *(row["python"] for row in needs(asked))], key=numbers)


def companions(asked: dict[str, str]) -> dict[str, str]:
    """What goes with the versions: packages of their time, with the numpy that the model's file was saved with."""
    of_their_time = {name: bound for row in needs(asked) for name, bound in row["with"].items()}
    try:
        with inspect(artifacts.MODEL_DIR) as model:
            found = model.findings
    except (NoModel, Unreadable, OSError):
        return of_their_time
    if found.package not in asked or not found.numpy:
        return of_their_time
    return {"numpy": "<2", "pandas": "<3"} | of_their_time if found.numpy == 1 else of_their_time | {"numpy": ">=2"}


def with_versions(text: str, asked: dict[str, str]) -> str:
    """requirements.in with these versions; a package that is not in it is added at its end."""
    for package, specifier in asked.items():
        specified = r"\g<1>" + specifier if specifier else r"\g<0>"  # a version that is there stays
        line = re.compile(rf"^({re.escape(package)}(?:-cpu)?)(?:[=<>~!][^ ;#\n]*)?(?=[ ;#\n]|$)", re.MULTILINE)
        text, count = line.subn(specified, text)
        if not count:
            text = f"{text.rstrip()}\n{package}{specifier}\n"
    return text


def compile_lock(uv: str, python: str, upgrade: bool) -> None:
    """Compile for every Python that the verbs run with, if the image's has wheels. Raises VerbError."""
    say(f"compiling requirements.in for Python {python}")
    run_uv(uv, python, "--python-version", python, "--only-binary", ":all:", "--output-file", os.devnull)
    options = ["--upgrade"] if upgrade else []
    compile_from_lowest(uv, python, options)
    versions.REQUIREMENTS.write_text(indexes() + versions.REQUIREMENTS.read_text())


def compile_from_lowest(uv: str, python: str, options: list[str]) -> None:
    """Compile for the oldest of the verbs' Pythons that all packages are for, and those after it. Raises VerbError."""
    newest = numbers(python)[1]
    for lowest in range(min(LOWEST_PYTHON, newest), newest + 1):
        into = ("--python-version", f"3.{lowest}", "--output-file", versions.REQUIREMENTS.name)
        try:
            return run_uv(uv, python, *COMPILE, *options, *into)
        except VerbError:  # scikit-learn 1.8, for example, is not for Python 3.10
            if lowest == newest:
                raise


def indexes() -> str:
    """The lines of requirements.in that name an index, which uv leaves out of what it compiles."""
    lines = REQUIREMENTS_IN.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith("--extra-index-url"))


def run_uv(uv: str, python: str, *options: str) -> None:
    """Run `uv pip compile`. Raises VerbError with its reason."""
    # as pip does with an index that requirements.in names: it may have other packages, too, in few versions
    strategy = ("--index-strategy", "unsafe-best-match")
    # what packages ask for and serving doesn't need
    overrides = ("--override", versions.OVERRIDES.name) if versions.OVERRIDES.exists() else ()
    command = [uv, "pip", "compile", "--quiet", *strategy, *overrides, *options, REQUIREMENTS_IN.name]
    log.debug("%s", " ".join(command))
    settings = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    done = programs.attempt(command, cwd=ROOT, env=settings)
    if done.returncode:
        reason = " ".join(done.stderr.split())[-600:]
        raise VerbError(
            f"no versions fit together for Python {python}: {reason} (try another Python: --python 3.11)",
            ExitCode.FAILED,
        )


def change_python(python: str) -> None:
    """Take the Python of this version in the Dockerfile, which .venv follows. Raises VerbError."""
    text = DOCKERFILE.read_text()
    changed, count = re.subn(environment.BASE_PYTHON, lambda match: f"{match[1]}{python}", text, count=1)
    if not count:
        raise VerbError(
            "the project has its own base image: change BASE_IMAGE in Dockerfile by hand", ExitCode.BAD_CONFIGURATION
        )
    if changed != text:
        Path(DOCKERFILE).write_text(changed)
        say(f"Dockerfile builds on Python {python} now")
