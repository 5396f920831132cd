"""A llama.cpp project serves a real, tiny model through its own entrypoint, behind nginx. It needs no other engine."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from scripts import demo_llm, tiny_gguf
from tests.engines.conftest import Server, equip, link_nginx, serving
from tests.real_engines.conftest import verb

Environment = dict[str, str]


@pytest.fixture(scope="session", autouse=True)
def engines() -> None:
    """In place of the other engines, which this file does without."""


@pytest.fixture(scope="module")
def llama_project(project: Callable[[str], Path]) -> Path:
    """A project with a tiny model in model/."""
    path = project("llama-cpp")
    tiny_gguf.write(path / "model" / "tiny.gguf")
    return path


@pytest.fixture(scope="module")
def environment(llama_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The environment in which llama-server and nginx are found, and the model is mounted."""
    programs = tmp_path_factory.mktemp("bin")
    link_nginx(programs)
    path = os.pathsep.join([str(demo_llm.install(demo_llm.LLAMA)), str(programs), os.environ["PATH"]])
    return {"PATH": path, "SM_MODEL_DIR": str(llama_project / "model"), "SM_LLAMA_CPP_CTX_SIZE": "2048"}


@pytest.fixture(scope="module")
def server(llama_project: Path, environment: Environment) -> Iterator[Server]:
    """A server that the tests share; the last one ends it."""
    with serving(llama_project, environment, seconds=120) as running:
        yield running


def test_the_contract_is_kept(llama_project: Path, server: Server) -> None:
    done = verb(llama_project, "test", "--url", server.url, "--json")

    checks = json.loads(done.stdout)["checks"]
    assert [check for check in checks if check["outcome"] == "FAIL"] == [], done.stderr
    assert len([check for check in checks if check["outcome"] == "ok"]) > 20


@pytest.mark.parametrize("arguments", [("Hello",), ("--completion", "Hello")])
def test_do_invoke_prints_what_the_model_writes(
    llama_project: Path, server: Server, arguments: tuple[str, ...]
) -> None:
    done = verb(llama_project, "invoke", "--url", server.url, "--max-tokens", "8", *arguments)

    assert (done.returncode, done.stderr) == (0, "")
    assert {*done.stdout.split()} <= {*tiny_gguf.WORDS}


def test_each_request_has_its_share_of_the_context(server: Server) -> None:
    body = {"messages": [{"role": "user", "content": "a " * 700}], "max_tokens": 1}
    answer = httpx.post(f"{server.url}/invocations", json=body, timeout=60)

    assert answer.status_code == 400
    assert "exceeds the available context size (512 tokens)" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("variable", "value", "code", "reason"),
    [
        ("SM_LLAMA_CPP_NO_SUCH_FLAG", "1", 1, "unrecognized arguments: --no-such-flag 1 (do/check compares"),
        ("SM_LLAMA_CPP_MODEL", "/etc/hostname", 1, "failed to load model"),
        ("SM_MODEL_DIR", "/usr/share/doc", 3, "should hold one model as .gguf, and holds none"),
    ],
)
def test_what_keeps_it_from_starting_is_its_last_word(
    llama_project: Path, environment: Environment, variable: str, value: str, code: int, reason: str
) -> None:
    with serving(llama_project, environment | {variable: value}, ready=False) as failing:
        assert failing.process.wait(60) == code

    assert reason in "\n".join(failing.messages()[-12:])


def test_the_death_of_the_engine_ends_the_server_with_a_failure(server: Server) -> None:
    server.part("llama_server").kill()

    assert server.process.wait(30) == 1
    assert server.messages()[-1].startswith("llama-server ended with -9: killed by SIGKILL")


TASKS = {
    # the variables that the tiny model needs, the checks that are about the task, and what do/invoke sends
    "embeddings": (
        {"SM_LLAMA_CPP_POOLING": "mean"},
        [
            "texts become vectors of one length in their order",
            "the same text has the same vector and another text another",
        ],
        ["the time", "a day"],
    ),
    "rerank": ({}, ["each document gets a score"], ["the time", "a day", "the time of the day"]),
}


@pytest.mark.parametrize(("task", "variables", "names", "texts"), [(task, *row) for task, row in TASKS.items()])
def test_another_task_keeps_its_contract_with_a_real_model(
    render: Callable[..., Path],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    environment: Environment,
    task: str,
    variables: Environment,
    names: list[str],
    texts: list[str],
) -> None:
    path = tmp_path / "project"
    answers = {"model_kind": "generative", "model_server": "llama-cpp", "model_id": "org/tiny", "task": task}
    shutil.copytree(render(**answers), path)
    equip(path, tmp_path_factory.getbasetemp() / "verbs")
    tiny_gguf.write(path / "model" / "tiny.gguf", reranker=task == "rerank")
    with serving(path, environment | variables | {"SM_MODEL_DIR": str(path / "model")}, seconds=120) as running:
        tested = verb(path, "test", "--url", running.url, "--json")
        asked = verb(path, "invoke", "--url", running.url, *texts)

    checks = {check["name"]: check["outcome"] for check in json.loads(tested.stdout)["checks"]}
    assert [name for name, outcome in checks.items() if outcome == "FAIL"] == [], tested.stdout
    assert {checks[name] for name in names} == {"ok"}
    answer = json.loads(asked.stdout)
    assert len(answer.get("data") or answer["results"]) == 2
