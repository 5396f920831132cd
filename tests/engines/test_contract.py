"""The contract suite of generative projects: a good server passes, and each fault fails the check that is about it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engines import contract_server as servers
from tests.engines.conftest import equip
from tests.engines.contract_server import RightServer, running

Done = subprocess.CompletedProcess[str]

FAULTS = {
    servers.NeverWell: ["ping answers 200 within 2 seconds"],
    servers.SlowPing: ["ping answers within 2 seconds while the model writes"],
    servers.AnotherKindOfObject: ["a chat is answered by the assistant", "a text is continued"],
    servers.TooManyTokens: [
        "an answer has at most max tokens and says how many",
        "requests at once each get their own answer",
    ],
    servers.OneIdForAll: ["requests at once each get their own answer"],
    servers.NoEnd: ["a chat is streamed as events of one answer", "a continuation is streamed"],
    servers.NotAStream: ["a chat is streamed as events of one answer"],
    servers.NoReason: ["a chat is streamed as events of one answer"],
    servers.NoUsage: ["a stream tells the tokens used where it is asked to"],
    servers.TakesAnyBody: ["a body that is no JSON is refused: cut short"],
    servers.FailsOnBadJson: ["a body that is no JSON is refused: no JSON"],
    servers.TakesAnyContentType: ["another content type is refused"],
    servers.TakesAnyMessages: ["a chat without proper messages is refused: text"],
    servers.TakesAnyNumber: ["max tokens that make no sense are refused: negative"],
    servers.CutsLongPrompts: ["a prompt longer than any context is refused"],
    servers.FailsOnUnknownParameters: ["an unknown parameter is passed over or refused but breaks nothing"],
    servers.DiesOfALongStream: ["a caller that leaves a stream harms no other"],
}


@pytest.fixture
def ready(project: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vLLM project whose verbs have what they need."""
    path = project("vllm")
    equip(path, tmp_path_factory.getbasetemp() / "verbs")
    return path


def verb(project: Path, name: str, *arguments: str) -> Done:
    """Run a verb to its end."""
    command = [sys.executable, f"do/{name}", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)


def checks(done: Done) -> dict[str, dict[str, Any]]:
    """The checks of `do/test --json` by their names."""
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


@pytest.mark.alone
def test_a_good_server_passes_every_check(ready: Path) -> None:
    with running(RightServer()) as url:
        done = verb(ready, "test", "--url", url)

    assert done.returncode == 0, done.stdout
    *lines, total = done.stdout.splitlines()
    assert {line[:5].strip() for line in lines} == {"ok", "n/a"}
    assert total == f"{len(lines)} checks of {url}: all is well"


def test_an_engine_that_requires_the_models_name_gets_it(
    project: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = project("tensorrt-llm")
    equip(path, tmp_path_factory.getbasetemp() / "verbs")

    with running(servers.TensorRtLlm()) as url:
        tested, asked = (
            verb(path, "test", "--url", url),
            verb(path, "invoke", "--url", url, "--max-tokens", "3", "Hello"),
        )

    assert (tested.returncode, [line for line in tested.stdout.splitlines() if line.startswith("FAIL")]) == (0, [])
    assert (asked.returncode, asked.stdout) == (0, "aaa\n")


@pytest.mark.parametrize(("fault", "names"), FAULTS.items())
def test_a_fault_fails_the_checks_that_are_about_it(ready: Path, fault: type[RightServer], names: list[str]) -> None:
    with running(fault()) as url:
        done = verb(ready, "test", "--url", url, "--json")

    assert done.returncode == 1
    assert {checks(done)[name]["outcome"] for name in names} == {"FAIL"}


def test_no_server_is_one_line_that_says_what_to_type(ready: Path) -> None:
    done = verb(ready, "test", "--url", "http://127.0.0.1:9")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("do/test: nothing answers at http://127.0.0.1:9: start the server")


class TestInvoke:
    def test_a_chat_is_printed_as_it_is_streamed(self, ready: Path) -> None:
        with running(RightServer()) as url:
            done = verb(ready, "invoke", "--url", url, "--max-tokens", "5", "Hello")

        assert (done.returncode, done.stdout, done.stderr) == (0, "aaaaa\n", "")

    def test_a_request_of_ones_own_is_answered_as_it_is(self, ready: Path, tmp_path: Path) -> None:
        (tmp_path / "request.json").write_text('{"prompt": "Hello", "max_tokens": 3}')
        with running(RightServer()) as url:
            done = verb(ready, "invoke", "--url", url, "--file", str(tmp_path / "request.json"))

        assert json.loads(done.stdout)["choices"][0]["text"] == "aaa"

    def test_a_refusal_is_one_line(self, ready: Path) -> None:
        with running(RightServer()) as url:
            done = verb(ready, "invoke", "--url", url, "--max-tokens", "0", "Hello")

        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "do/invoke: the server answered 400: max_tokens must be at least 1\n"

    def test_an_error_in_the_midst_of_a_stream_is_told_of(self, ready: Path) -> None:
        class BreaksOff(RightServer):
            def stream(self, request: dict[str, Any]) -> list[str]:
                return [*super().stream(request)[:2], 'data: {"error": {"message": "the engine died"}}\n\n']

        with running(BreaksOff()) as url:
            done = verb(ready, "invoke", "--url", url, "--max-tokens", "5", "Hello")

        assert (done.returncode, done.stdout) == (1, "aa")
        assert done.stderr == "do/invoke: the stream broke off: the engine died\n"

    def test_a_completion_is_refused_where_the_engine_takes_none(
        self, project: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        path = project("sglang")
        equip(path, tmp_path_factory.getbasetemp() / "verbs")
        done = verb(path, "invoke", "--completion", "Hello")

        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr == "do/invoke: SGLang takes no completions through POST /invocations\n"
