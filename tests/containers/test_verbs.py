"""The verbs that build, run and remove images."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.containers.conftest import Built, docker, expect_ok, run_verb, works


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def inspected(name: str) -> dict[str, object]:
    return dict(json.loads(docker("inspect", name))[0])


def copied(image: Built, folder: Path) -> Path:
    """The project in another place, without environments."""
    return shutil.copytree(image.project, folder / "copy", ignore=shutil.ignore_patterns(".venv"))


@pytest.fixture
def running(image: Built) -> Iterator[str]:
    """The URL of a container that do/run --detach started."""
    yield expect_ok(image.verb("run", "--detach", "--port", free_port())).strip()
    works("rm", "--force", image.project.name)


def test_a_build_prints_the_image_and_what_to_do_next(image: Built) -> None:
    done = image.verb("build")

    assert expect_ok(done).startswith(f"{image.image} (linux/amd64, ")
    # of a build that was made before, docker names only the base image, for one of the stages that begin with it
    assert re.search(r" s  (packages|server) 1/\d+: FROM ", done.stderr)
    assert done.stderr.splitlines()[-1] == "next: do/run to start it, do/test --image to check it"


def test_an_image_is_named_after_the_project_and_what_is_in_it(image: Built, tmp_path: Path) -> None:
    copy = copied(image, tmp_path)

    name, _, digest = image.image.partition(":")
    assert name == image.project.name
    assert len(digest) == 12
    assert expect_ok(run_verb(copy, "build", "--dry-run")).split()[2] == image.image


def test_what_goes_into_the_image_is_what_its_name_stands_for(image: Built, tmp_path: Path) -> None:
    """What .dockerignore lets through, as docker itself reads it."""
    (image.project / "serving/__pycache__").mkdir(exist_ok=True)
    (image.project / "serving/__pycache__/app.pyc").write_text("stale")
    script = "import sys; sys.path.insert(0, 'do'); from lib.image import images; print(*images.context(), sep='\\n')"
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")

    options = ("--file", str(tmp_path / "Dockerfile"), "--output", f"type=local,dest={tmp_path / 'context'}")
    docker("buildx", "build", *options, str(image.project))
    listed = subprocess.run(
        [sys.executable, "-c", script], cwd=image.project, capture_output=True, text=True, check=True
    ).stdout.split()

    sent = {str(path.relative_to(tmp_path / "context")) for path in (tmp_path / "context").rglob("*") if path.is_file()}
    named = {str(Path(path).relative_to(image.project)) for path in listed}
    assert named - {"Dockerfile", ".dockerignore"} == sent


def test_the_packages_of_the_image_are_listed_as_cyclonedx(image: Built) -> None:
    bill = json.loads((image.project / "sbom.cdx.json").read_text())

    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    listed = {component["name"].lower(): component["purl"] for component in bill["components"]}
    wanted = "scikit-learn==" + listed["scikit-learn"].rpartition("@")[2]
    assert wanted in (image.project / "requirements.txt").read_text()
    assert {"fastapi", "numpy"} <= listed.keys()
    assert "pip" not in listed


def test_an_image_that_is_not_root_by_itself_serves_too(project: Callable[..., Path], image: Built) -> None:
    path = project("test-user", "sklearn", "fastapi", run_as_root=False)

    name = expect_ok(run_verb(path, "build")).split()[0]
    url = expect_ok(run_verb(path, "run", "--detach", "--read-only", "--port", free_port())).strip()
    answer = expect_ok(run_verb(path, "invoke", "--url", url))
    expect_ok(run_verb(path, "clean", "--yes"))

    assert json.loads(answer)["predictions"]
    assert name.startswith(f"{path.name}:")


def test_a_container_gets_the_instances_memory_and_the_servers_settings(image: Built) -> None:
    options = ("run", "--detach", "--read-only", "--port", free_port())
    expect_ok(image.verb(*options, INSTANCE_TYPE="ml.c5.large", SERVING_WORKERS="1"))

    host = inspected(image.project.name)["HostConfig"]
    environment = inspected(image.project.name)["Config"]
    docker("rm", "--force", image.project.name)

    assert isinstance(host, dict)
    assert isinstance(environment, dict)
    assert (host["Memory"], host["ReadonlyRootfs"]) == (4096 * 2**20, True)
    assert "SERVING_WORKERS=1" in environment["Env"]


def test_another_model_can_be_mounted(image: Built, tmp_path: Path) -> None:
    shutil.copytree(image.project / "model", tmp_path / "model")

    expect_ok(image.verb("run", "--detach", "--port", free_port(), "--model", str(tmp_path / "model")))
    mounts = inspected(image.project.name)["Mounts"]
    docker("rm", "--force", image.project.name)

    assert isinstance(mounts, list)
    assert [(mount["Destination"], mount["RW"]) for mount in mounts] == [("/opt/ml/model", False)]


def test_an_image_without_a_model_starts_only_with_one_mounted(
    project: Callable[..., Path], image: Built, tmp_path: Path
) -> None:
    path = project("test-empty", "sklearn", "fastapi")
    shutil.move(path / "model", tmp_path / "model")

    built = run_verb(path, "build")
    alone = run_verb(path, "run", "--detach", "--port", free_port())
    mounted = run_verb(path, "run", "--detach", "--port", free_port(), "--model", str(tmp_path / "model"))
    expect_ok(run_verb(path, "clean", "--yes"))

    assert "note: model/ is empty" in expect_ok(built) + built.stderr
    assert alone.returncode == 5
    assert "there is no model in /opt/ml/model: build it into the image, or mount it there" in alone.stderr
    expect_ok(mounted)


def test_a_container_of_the_same_name_that_do_run_did_not_start_stays(image: Built) -> None:
    docker("create", "--name", image.project.name, image.image)

    done = image.verb("run", "--detach")
    docker("rm", image.project.name)  # which fails if there is none

    assert done.returncode == 3
    assert f"there is a container {image.project.name} that do/run did not start" in done.stderr


def test_a_container_answers_do_invoke_and_shows_its_log(image: Built, running: str) -> None:
    answer = expect_ok(image.verb("invoke", "--url", running))
    log = expect_ok(image.verb("logs"))

    expected = json.loads((image.project / "sample_model/expected.json").read_text())["predictions"]
    assert json.loads(answer)["predictions"] == expected
    assert any(json.loads(line)["message"].startswith("model loaded") for line in log.splitlines())


def test_a_second_run_replaces_the_first_container(image: Built, running: str) -> None:
    before = inspected(image.project.name)["Id"]

    done = image.verb("run", "--detach", "--port", running.rpartition(":")[2])

    assert expect_ok(done).strip() == running
    assert f"removing the container of an earlier do/run, {image.project.name}" in done.stderr
    assert inspected(image.project.name)["Id"] != before


def test_ctrl_c_ends_the_container_in_order(image: Built) -> None:
    port = free_port()
    with followed(image, port) as process:
        wait_for(f"http://127.0.0.1:{port}/ping")
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=40)[0]

    assert process.returncode == 0, output
    assert "Shutting down: Master" in output
    assert docker("ps", "--all", "--quiet", "--filter", f"name={image.project.name}") == ""


@contextmanager
def followed(image: Built, port: str) -> Iterator[subprocess.Popen[str]]:
    """do/run in the foreground, in a session of its own as a terminal's is."""
    process = subprocess.Popen(
        [sys.executable, "do/run", "--port", port],
        cwd=image.project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    yield process
    process.kill()
    process.wait()
    works("rm", "--force", image.project.name)


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"nothing answers at {url}")


def test_a_taken_port_is_told(image: Built) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = image.verb("run", "--detach", "--port", str(taken.getsockname()[1]))

    assert done.returncode == 2
    assert done.stderr == "do/run: the port is taken: stop what listens there, or choose another with --port\n"
    assert docker("ps", "--all", "--quiet", "--filter", f"name={image.project.name}") == ""


def test_a_container_that_does_not_serve_shows_its_log_and_the_cause(image: Built) -> None:
    done = image.verb("run", "--detach", "--port", free_port(), SERVING_BATCH_ROWS="none")
    docker("rm", "--force", image.project.name)

    assert done.returncode == 3
    *log, error = done.stderr.splitlines()
    assert "SERVING_BATCH_ROWS='none' is not a whole number" in error
    assert all(json.loads(line) for line in log)


def test_a_container_without_enough_memory_says_so(image: Built) -> None:
    done = image.verb("run", "--detach", "--port", free_port(), "--memory", "60m")
    docker("rm", "--force", image.project.name)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "do/run: the container ran out of memory: give it more with --memory"


def test_files_that_have_changed_since_the_build_are_told(image: Built, tmp_path: Path) -> None:
    copy = copied(image, tmp_path)
    (copy / "serving/model_handler.py").write_text("# another handler\n")

    done = run_verb(copy, "run", "--detach")

    assert done.returncode == 5
    assert done.stderr.endswith("was not built, the files have changed since the last build: run do/build\n")


def test_a_build_that_fails_shows_the_end_of_its_output(project: Callable[..., Path], image: Built) -> None:
    path = project("test-broken", "sklearn", "fastapi")
    dockerfile = path / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "RUN echo a word on the way >&2; false\n")

    done = run_verb(path, "build")

    assert (done.returncode, done.stdout) == (1, "")
    assert "a word on the way" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("do/build: docker build failed: ERROR: failed to solve: process")


def test_clean_removes_the_container_and_the_image_and_no_others(project: Callable[..., Path], image: Built) -> None:
    path = project("test-clean", "sklearn", "fastapi")
    name = expect_ok(run_verb(path, "build")).split()[0]
    expect_ok(run_verb(path, "run", "--detach", "--port", free_port()))

    plan = expect_ok(run_verb(path, "clean", "--dry-run")).splitlines()
    expect_ok(run_verb(path, "clean", "--yes"))

    assert plan[:2] == [f"would remove: container {path.name}", f"would remove: image {name}"]
    assert docker("ps", "--all", "--quiet", "--filter", f"name={path.name}") == ""
    assert docker("images", "--quiet", path.name) == ""
    assert docker("images", "--quiet", image.image)
    assert not (path / "sbom.cdx.json").exists()
