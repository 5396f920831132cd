"""do/build, do/run and do/logs without an engine, or with one that complains: one line, and what to type next."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.verbs.conftest import Done, refusal, run

NEED_AN_ENGINE = ["build", "run", "logs"]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH without any engine."""
    folder = tmp_path / "programs"
    folder.mkdir()
    return folder


def fake(programs: Path, name: str, script: str) -> None:
    """Put an engine on the PATH that does what these lines of Python say."""
    program = programs / name
    program.write_text(f"#!{sys.executable}\nimport sys\narguments = sys.argv[1:]\n{script}\n")
    program.chmod(0o755)


def complaining(message: str, command: str) -> str:
    """An engine that works until it gets this command."""
    return f"if {command!r} in arguments[:2]:\n    sys.exit({message!r})\nprint('[]')"


def with_engine(project: Path, programs: Path, verb: str, *arguments: str) -> Done:
    return run(project, verb, *arguments, PATH=str(programs))


@pytest.mark.parametrize("verb", NEED_AN_ENGINE)
def test_without_an_engine_a_verb_says_where_to_get_one(bare_project: Path, programs: Path, verb: str) -> None:
    done = with_engine(bare_project, programs, verb)

    assert refusal(done, 2) == (
        f"do/{verb}: neither docker nor podman is installed: install one, see https://docs.docker.com/engine/install"
    )


def test_do_test_image_asks_for_an_engine_before_it_sets_anything_up(bare_project: Path, programs: Path) -> None:
    done = with_engine(bare_project, programs, "test", "--image")

    assert "neither docker nor podman is installed" in refusal(done, 2)
    assert not (bare_project / "do/.venv").exists()


@pytest.mark.parametrize("verb", NEED_AN_ENGINE)
@pytest.mark.parametrize(
    ("message", "advice"),
    [
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            "docker is installed but not running: start Docker Desktop, or run sudo systemctl start docker",
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            "you are not allowed to use docker: run sudo usermod -aG docker $USER, and log in again",
        ),
    ],
)
def test_an_engine_that_does_not_answer_is_explained(
    bare_project: Path, programs: Path, verb: str, message: str, advice: str
) -> None:
    fake(programs, "docker", complaining(message, "version"))

    assert refusal(with_engine(bare_project, programs, verb), 2) == f"do/{verb}: {advice}"


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        (
            "ERROR: failed to solve: write /opt/venv/lib/x.so: no space left on device",
            "the disk is full: docker system df shows what fills it; do/clean and docker system prune make room",
        ),
        (
            "exec /bin/sh: exec format error",
            "the image is for another processor than this machine's (exec format error)",
        ),
        (
            "docker: 'buildx' is not a docker command.",
            "docker is here without buildx, which builds images: install docker-buildx-plugin",
        ),
        (
            "ERROR: failed to solve: a/b:1: failed to resolve source metadata for a/b:1: dial tcp: no such host",
            "the base image, ARG BASE_IMAGE in Dockerfile, can't be pulled: check its name and the network",
        ),
        (
            "ERROR: failed to solve: a/b:1: failed to resolve source metadata for a/b:1: pull access denied, "
            "repository does not exist or may require authorization: authorization failed: no basic auth credentials",
            "the registry of the base image, ARG BASE_IMAGE in Dockerfile, wants a login; for one of AWS: "
            "aws ecr get-login-password --region REGION | docker login --username AWS --password-stdin REGISTRY",
        ),
        ("ERROR: something new", "docker build failed: ERROR: something new"),
    ],
)
def test_a_build_that_fails_is_explained(bare_project: Path, programs: Path, message: str, advice: str) -> None:
    fake(programs, "docker", complaining(message, "buildx"))

    done = with_engine(bare_project, programs, "build")

    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith(f"do/build: {advice}")
    assert message in done.stderr


IMAGE = {"Size": 1, "Os": "linux", "Architecture": "amd64"}


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("Bind for 127.0.0.1:8080 failed: port is already allocated", "the port is taken: stop what listens there"),
        ("exec /opt/venv/bin/python: exec format error", "the image is for another processor than this machine's"),
    ],
)
def test_a_container_that_cannot_start_is_explained(
    bare_project: Path, programs: Path, message: str, advice: str
) -> None:
    script = f"""
if arguments[0] == 'run':
    sys.exit({message!r})
if arguments[:2] == ['container', 'inspect']:
    sys.exit('no such container')
print({json.dumps([IMAGE])!r})
"""
    fake(programs, "docker", script)

    assert refusal(with_engine(bare_project, programs, "run"), 2).startswith(f"do/run: {advice}")


def test_podman_is_taken_where_there_is_no_docker(bare_project: Path, programs: Path, tmp_path: Path) -> None:
    script = f"""
import json, pathlib
with pathlib.Path({str(tmp_path / "calls")!r}).open("a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
if arguments[0] == "build":
    print("STEP 1/2: FROM base")
    sys.exit("stop here")
"""
    fake(programs, "podman", script)

    done = with_engine(bare_project, programs, "build")
    calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]

    build = calls[-1]
    assert build[:3] == ["build", "--format", "docker"]
    assert build[build.index("--platform") + 1] == "linux/amd64"
    assert "STEP 1/2: FROM base" in done.stderr


def test_docker_is_asked_for_its_own_manifests_without_attestations(
    bare_project: Path, programs: Path, tmp_path: Path
) -> None:
    """SageMaker refuses OCI manifests."""
    script = f"""
import json, pathlib
if arguments[0] == "buildx":
    pathlib.Path({str(tmp_path / "call")!r}).write_text(json.dumps(arguments))
    sys.exit("stop here")
"""
    fake(programs, "docker", script)

    with_engine(bare_project, programs, "build")
    call = json.loads((tmp_path / "call").read_text())

    assert {"--provenance=false", "--sbom=false", "type=docker,oci-mediatypes=false"} <= {*call}


def test_an_image_that_was_not_built_is_told(bare_project: Path, programs: Path) -> None:
    script = "if arguments[:2] == ['image', 'inspect']:\n    sys.exit('no such image')"
    fake(programs, "docker", script)

    line = refusal(with_engine(bare_project, programs, "run"), 5)

    assert line.endswith(" was not built: run do/build")


def test_a_container_that_is_not_there_is_told(bare_project: Path, programs: Path) -> None:
    fake(programs, "docker", "if 'inspect' in arguments:\n    sys.exit('no such container')")

    line = refusal(with_engine(bare_project, programs, "logs"), 5)

    assert line == "do/logs: there is no container of this project: run do/run --detach"


def test_a_port_that_is_none_is_refused(bare_project: Path, programs: Path) -> None:
    fake(programs, "docker", f"print({json.dumps([IMAGE])!r})")

    line = refusal(with_engine(bare_project, programs, "run", "--port", "70000"), 3)

    assert line.startswith("do/run: PORT='70000' (given) is wrong")


class TestTheImagesName:
    """PROJECT_NAME:HASH."""

    def test_it_changes_with_what_goes_into_the_image(self, bare_project: Path) -> None:
        before = self.name(bare_project)
        (bare_project / "serving" / "model_handler.py").write_text("# another\n")
        after_handler = self.name(bare_project)
        (bare_project / "model" / "model.pkl").write_bytes(b"another")

        assert len({before, after_handler, self.name(bare_project)}) == 3

    def test_it_stays_when_something_else_changes(self, bare_project: Path) -> None:
        before = self.name(bare_project)
        (bare_project / "README.md").write_text("another\n")
        (bare_project / "serving" / "__pycache__").mkdir()
        (bare_project / "serving" / "__pycache__" / "app.pyc").write_bytes(b"cache")
        (bare_project / "serving" / "app.py").touch()
        (bare_project / "model" / ".DS_Store").touch()

        assert self.name(bare_project) == before

    def test_it_changes_with_the_platform(self, bare_project: Path) -> None:
        other = self.name(bare_project, INSTANCE_TYPE="ml.m6g.large")

        assert other != self.name(bare_project)

    @staticmethod
    def name(project: Path, **environment: str) -> str:
        done = run(project, "build", "--dry-run", **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[2]
