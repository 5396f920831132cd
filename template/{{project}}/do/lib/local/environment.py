"""The project's Python environments, made when a verb first needs them. Standard library only.

`.venv` is for the server (requirements.txt, with tests/requirements*.txt for the tests and
sample_model/requirements.txt for the training); `do/.venv` is for the verbs (do/requirements.txt), and
`do/.venv-update` for do/update (do/requirements-update.txt), and `do/.venv-lock` for do/lock where uv is not installed
(do/requirements-lock.txt). The file `requirements.sha256` in an environment holds the
sha256 of each requirements file that was installed into it, one a line; an environment that lacks one that is needed is
made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lib import config, programs
from lib.cli import ROOT, ExitCode, VerbError, log, say

SERVING = ROOT / ".venv"
VERBS = ROOT / "do" / ".venv"
UPDATES = ROOT / "do" / ".venv-update"
LOCKS = ROOT / "do" / ".venv-lock"
# The Python of images whose base doesn't tell, unless an answer does.
IMAGE_PYTHON = "3.12"
BASE_PYTHON = re.compile(r"^(ARG BASE_IMAGE=\S*\bpython:)(\d+\.\d+)", re.MULTILINE)  # in the Dockerfile
STAMP = "requirements.sha256"


def serving_python(with_tests: bool = False) -> Path:
    """The Python that the server runs in, with its packages. Raises VerbError when it can't be set up."""
    return _serving_and("tests" if with_tests else None)


def training_python() -> Path:
    """The same with what the training of the sample needs beside it. Raises VerbError when it can't be set up."""
    return _serving_and("sample_model")


def _serving_and(folder: str | None) -> Path:
    """The server's Python, with what the requirements files in a folder of the project ask for."""
    more = sorted((ROOT / folder).glob("requirements*.txt")) if folder else []
    return ensure(SERVING, [ROOT / "requirements.txt", *more])


def verbs_python() -> Path:
    """The Python of the verbs' environment. Raises VerbError when it can't be set up."""
    return ensure(VERBS, [ROOT / "do" / "requirements.txt"])


def enter_verbs() -> None:
    """Go on in do/.venv: returns when the verb runs there, else restarts the verb in it. Raises VerbError."""
    _enter(VERBS, verbs_python())


def enter_updates() -> None:
    """Go on in do/.venv-update, as `enter_verbs` does in do/.venv. Raises VerbError."""
    _enter(UPDATES, ensure(UPDATES, [ROOT / "do" / "requirements-update.txt"]))


def uv() -> str:
    """The program uv, in do/.venv-lock where it is not installed. Raises VerbError when it can't be set up."""
    installed = shutil.which("uv")
    return installed or str(ensure(LOCKS, [ROOT / "do" / "requirements-lock.txt"]).with_name("uv"))


def _enter(folder: Path, python: Path) -> None:
    if Path(sys.prefix).resolve() != folder.resolve():
        sys.stdout.flush()
        os.execv(python, [str(python), *sys.argv])


def ensure(folder: Path, requirements: Sequence[Path]) -> Path:
    """The Python of the environment in `folder`, made or brought up to date first. Raises VerbError."""
    with _only_one_verb_at_a_time():
        if not is_current(folder, requirements):
            _bring_up_to_date(folder, requirements)
    return folder / "bin" / "python"


def is_current(folder: Path, requirements: Sequence[Path]) -> bool:
    """Whether all of these files were installed into the environment, as they are now."""
    needed = {*_digests(requirements)}
    return (folder / "bin" / "python").exists() and needed <= _installed(folder)


def mark(folder: Path, requirements: Sequence[Path]) -> None:
    """Note in the environment that these files were installed into it."""
    (folder / STAMP).write_text("".join(f"{digest}\n" for digest in _digests(requirements)))


def _installed(folder: Path) -> set[str]:
    try:
        return {*(folder / STAMP).read_text().split()}
    except OSError:
        return set()


def _digests(requirements: Sequence[Path]) -> list[str]:
    try:
        return [hashlib.sha256(file.read_bytes()).hexdigest() for file in requirements]
    except FileNotFoundError as error:
        missing = _shown(Path(error.filename))
        locked = ROOT / "requirements.in" if missing == "requirements.txt" else ROOT
        command = "do/lock" if locked.is_file() else f"git checkout {missing}"
        raise VerbError(f"{missing} is missing: run {command}", ExitCode.MISSING_FILE) from None


def _bring_up_to_date(folder: Path, requirements: Sequence[Path]) -> None:
    """Install what is missing; again where something that was installed has changed."""
    installed = _installed(folder)
    names = ", ".join(_shown(file) for file in requirements)
    if installed and installed <= {*_digests(requirements)} and not folder.is_symlink():
        say(f"installing {names} into {_shown(folder)}")
    else:
        python, version = _base_python()
        other = "" if folder != SERVING or version == image_python() else f"; {_other_python()}"
        say(f"setting up {_shown(folder)} with Python {version} from {names} (takes minutes the first time){other}")
        _remove(folder)
        _make(folder, python)
    for file in requirements:
        _install(folder, file)
    # last, so that an environment that was interrupted is made again
    mark(folder, requirements)


def _make(folder: Path, python: str) -> None:
    uv = shutil.which("uv")
    _run([uv, "venv", "--python", python, str(folder)] if uv else [python, "-m", "venv", str(folder)], folder)


def _install(folder: Path, file: Path) -> None:
    python = str(folder / "bin" / "python")
    uv = shutil.which("uv")
    install = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    if uv:
        install.append("--compile-bytecode")  # pip does; without, the server takes seconds longer to start
        # as pip does where the file names an index; safe, because hashes are required
        install += ["--index-strategy", "unsafe-best-match"]
    # the file names all packages; some ask for others that the project leaves out
    _run([*install, "--no-deps", "--require-hashes", "-r", str(file)], folder)


def image_python() -> str:
    """The version of Python that the image has, by the base that the Dockerfile names."""
    try:
        found = BASE_PYTHON.search((ROOT / "Dockerfile").read_text())
    except OSError:
        found = None
    return found[2] if found else config.ANSWERS.get("PYTHON_VERSION") or IMAGE_PYTHON


def _base_python() -> tuple[str, str]:
    """The image's Python where it works here, else the one that runs the verb; and its version."""
    version = image_python()
    needed = "import sys" if shutil.which("uv") else "import ensurepip, venv"
    for python in _pythons(version):
        if programs.attempt([python, "-c", needed]).returncode == 0:
            return python, version
    return getattr(sys, "_base_executable", sys.executable), "{}.{}".format(*sys.version_info)


def _other_python() -> str:
    version = image_python()
    return (
        f"the image has Python {version}: install it, such as with uv python install {version}, to have the same here"
    )


def _pythons(version: str) -> Iterator[str]:
    """Where a version of Python may be: on the path, among those that uv has installed, and among pyenv's.

    pyenv's command on the path works only for the versions that are chosen in this folder.
    """
    if found := shutil.which(f"python{version}"):
        yield found
    if uv := shutil.which("uv"):
        settings = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
        command = [uv, "python", "find", "--system", "--managed-python", version]
        done = programs.attempt(command, env=settings)
        yield from done.stdout.split("\n")[:1] if done.returncode == 0 else []
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True))


def _remove(folder: Path) -> None:
    if folder.is_symlink():  # an environment that is shared between projects stays as it is
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _run(command: list[str], folder: Path) -> None:
    """Run one step of an installation. Raises VerbError with what the installer found wrong."""
    log.debug("%s", shlex.join(command))
    # PYTHONPATH and the like would let other packages in
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = programs.attempt(command, env=environment, merge_errors=True)
    log.debug("%s", done.stdout.strip())
    if done.returncode == 0:
        return
    if "ensurepip is not available" in done.stdout:
        raise VerbError(
            "this Python can't create environments: install uv, or Debian's package python3-venv",
            ExitCode.MISSING_PREREQUISITE,
        )
    raise VerbError(
        f"could not set up {_shown(folder)}: {_reason(done.stdout)} (run it again with -v to see everything)",
        ExitCode.MISSING_PREREQUISITE,
    )


def _reason(output: str) -> str:
    """The line of an installer's output that says most."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["the installer said nothing"])[-1]


@contextmanager
def _only_one_verb_at_a_time() -> Iterator[None]:
    """Let two verbs in two terminals not make one environment at once."""
    lock = os.open(ROOT / "do", os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another command that is setting up an environment")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
