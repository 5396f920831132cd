"""The images of all frameworks with both servers, really built, each once; and the engine that builds and runs them."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from plumbum import RETCODE, local

from extensions.context import load_catalog
from tests.containers import table
from tests.renders.answers import fitting

ROOT = Path(__file__).resolve().parents[2]
CATALOG = load_catalog()
BASE_IMAGE = CATALOG["base_images"]["predictive"]["image"]
SERVERS = fitting("model_servers", "predictive")
EVERY_IMAGE = list(itertools.product(CATALOG["frameworks"], SERVERS))
# each framework is behind one web application in make test-containers, in turn, and behind all in make test-all
REPEATED_IMAGES = [
    image
    for number, image in enumerate(EVERY_IMAGE)
    if SERVERS.index(image[1]) != number // len(SERVERS) % len(SERVERS)
]
WITHOUT_DOCKER = f"""\
These tests build and run images, so they need Docker, and {BASE_IMAGE}:
  Docker            https://docs.docker.com/engine/install, then start it
  without registry  eval "$(../shared/containers/engine)", ../shared/containers/base-images, and
                    docker tag python:3.12-slim-bookworm {BASE_IMAGE}"""
# makes the environment of a project's verbs
SET_UP = "import sys; sys.path.insert(0, 'do'); from lib.local import environment; environment.verbs_python()"
OWN_SETTINGS = ("PORT", "MODEL_FORMAT", "FRAMEWORK", "INSTANCE_TYPE", "ROLE_ARN", "SERVING_WORKERS")

Done = subprocess.CompletedProcess[str]
Render = Callable[..., Path]


@dataclass
class Built:
    """A project whose image was built, and what was measured of it."""

    project: Path
    framework: str
    server: str
    image: str
    cold_seconds: float
    measured: dict[str, Any] = field(default_factory=dict)

    def verb(self, verb: str, *arguments: str, timeout: float = 600, **environment: str) -> Done:
        """Run one of the project's verbs to its end."""
        return run_verb(self.project, verb, *arguments, timeout=timeout, **environment)

    def size(self) -> int:
        """Bytes, uncompressed."""
        return int(docker("image", "inspect", "--format", "{{.Size}}", self.image))


def docker(*arguments: str) -> str:
    """What a command of docker prints."""
    return local["docker"][arguments]().strip()


def works(*arguments: str) -> bool:
    """Whether docker is there and a command of it ends well."""
    return "docker" in local and local["docker"][arguments].run(retcode=None)[0] == 0


def run_verb(project: Path, verb: str, *arguments: str, timeout: float = 600, **environment: str) -> Done:
    """Run a verb to its end."""
    kept = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
    return subprocess.run(
        [sys.executable, f"do/{verb}", *arguments],
        cwd=project,
        env=kept | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def expect_ok(done: Done) -> str:
    """What a verb printed, which must have ended well."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """Docker, with the base image; without them nothing here can be tested, and that is a failure."""
    if not works("version") or not works("buildx", "version"):
        pytest.exit(WITHOUT_DOCKER, returncode=1)
    if not works("image", "inspect", BASE_IMAGE) and local["docker"]["pull", BASE_IMAGE] & RETCODE(FG=True):
        pytest.exit(WITHOUT_DOCKER, returncode=1)


@pytest.fixture(scope="session", autouse=True)
def tools_on_path() -> Iterator[None]:
    """uv, which is beside this Python, makes the projects' environments in seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def project(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that makes a project with a trained sample; both servers of a framework share the model."""
    models: dict[str, Path] = {}
    environments: dict[bytes, Path] = {}

    def make(name: str, framework: str, server: str, **answers: Any) -> Path:
        # images are the engine's, which other runs of these tests may use at the same time
        own_name = f"{name}-{os.getpid()}"
        path = tmp_path_factory.mktemp("containers") / own_name
        rendered = render(
            project_name=own_name, framework=framework, model_server=server, build_with="docker", **answers
        )
        shutil.copytree(rendered, path, symlinks=True)
        wanted = (path / "do/requirements.txt").read_bytes()
        if wanted in environments:
            (path / "do/.venv").symlink_to(environments[wanted])
        else:
            subprocess.run([sys.executable, "-c", SET_UP], cwd=path, check=True)
            environments[wanted] = path / "do/.venv"
        if framework not in models:
            expect_ok(run_verb(path, "train"))
            models[framework] = path
            return path
        for part in ("model", "sample_model"):
            shutil.copytree(models[framework] / part, path / part, dirs_exist_ok=True)
        return path

    return make


@pytest.fixture(scope="session")
def built(project: Callable[..., Path]) -> Iterator[Callable[[str, str], Built]]:
    """A function that builds the image of a framework with a server, once and from nothing but the base image."""
    # what was downloaded for the builds before
    docker("builder", "prune", "--force", "--filter", "type=exec.cachemount")
    images: dict[tuple[str, str], Built] = {}

    def build(framework: str, server: str) -> Built:
        if (framework, server) not in images:
            require_index(framework)
            path = project(f"test-{framework}-{server}", framework, server)
            began = time.monotonic()
            done = run_verb(path, "build", "--no-cache")
            seconds = time.monotonic() - began
            image = expect_ok(done).split()[0]
            images[framework, server] = Built(path, framework, server, image, seconds)
        return images[framework, server]

    yield build
    write_table([*images.values()])
    for image in images.values():
        expect_ok(image.verb("clean", "--yes"))


def require_index(framework: str) -> None:
    """Skip, with the reason, a framework whose packages come from an index that can't be reached from here."""
    index = CATALOG["frameworks"][framework].get("index")
    try:
        if index:
            urllib.request.urlopen(index, timeout=10).close()
    except OSError as error:
        pytest.skip(f"{framework}: its packages are on {index}, which can't be reached from here: {error}")


def write_table(images: list[Built]) -> None:
    """Keep what was measured in docs/images.md, where it was measured of all images."""
    if len(images) == len(EVERY_IMAGE) and all(image.measured.keys() >= table.MEASURED for image in images):
        base_size = int(docker("image", "inspect", "--format", "{{.Size}}", BASE_IMAGE))
        page = table.markdown(images, len(os.sched_getaffinity(0)), BASE_IMAGE, base_size)
        (ROOT / "docs/images.md").write_text(page)


@pytest.fixture
def image(built: Callable[[str, str], Built]) -> Built:
    """The image that tests look at which need only one."""
    return built("sklearn", "fastapi")


def results(done: Done) -> list[dict[str, str]]:
    """The checks of a `do/test --json`."""
    return list(json.loads(done.stdout)["checks"])
