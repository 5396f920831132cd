"""do/invoke sends a request and prints the answer, or what the server found wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.verbs.conftest import refusal, run
from tests.verbs.contract_server import JSON, Reply, Request, RightServer, running, typed


class Recorder(RightServer):
    """Keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        return super().answer(request)


@pytest.fixture
def server() -> Recorder:
    return Recorder()


@pytest.fixture
def url(server: Recorder) -> Iterator[str]:
    with running(server) as url:
        yield url


ROWS = '{"instances": [[1, 2, 3]]}'


def test_the_users_example_request_is_sent_and_the_answer_printed(project: Path, url: str, server: Recorder) -> None:
    (project / "example_request.json").write_text(ROWS)

    done = run(project, "invoke", "--url", url)

    assert (done.returncode, done.stderr) == (0, "")
    assert list(json.loads(done.stdout)) == ["predictions"]
    assert server.requests[-1].body == ROWS.encode()


def test_without_one_the_samples_request_is_sent(project: Path, url: str, server: Recorder) -> None:
    run(project, "invoke", "--url", url)

    assert server.requests[-1].body == (project / "sample_model" / "request.json").read_bytes()


def test_an_output_is_asked_for_by_custom_attribute(project: Path, url: str, server: Recorder) -> None:
    usual, other = (
        json.loads(run(project, "invoke", "--url", url, *output, "--file", "-", stdin=ROWS).stdout)["predictions"]
        for output in ([], ["--output", "doubled"])
    )

    assert other == [2 * usual[0]]
    line = refusal(run(project, "invoke", "--url", url, "--output", "x", "--file", "-", stdin=ROWS), 1)
    assert "the server answered 400: the model has no such output (code unknown_output" in line


def test_a_file_is_sent_with_the_type_of_its_name(project: Path, url: str, server: Recorder) -> None:
    (project / "rows.csv").write_text("1,2,3\n")

    done = run(project, "invoke", "--url", url, "--file", "rows.csv", "--accept", "text/csv")

    assert float(done.stdout) == pytest.approx(0.1 + 1.4 + 3.9)
    assert server.requests[-1].headers["content-type"] == "text/csv"


def test_standard_input_is_sent_even_when_an_environment_is_entered(project: Path, url: str, server: Recorder) -> None:
    done = run(project, "invoke", "--url", url, "--file", "-", stdin="[[1, 2, 3]]")

    assert done.returncode == 0
    assert server.requests[-1].body == b"[[1, 2, 3]]"
    assert server.requests[-1].headers["content-type"] == JSON


def test_another_content_type_can_be_given(project: Path, url: str, server: Recorder) -> None:
    run(project, "invoke", "--url", url, "--file", "-", "--content-type", "application/jsonlines", stdin="[1, 2, 3]\n")

    assert server.requests[-1].headers["content-type"] == "application/jsonlines"


def test_a_refusal_is_one_line_with_the_servers_message(project: Path, url: str) -> None:
    line = refusal(run(project, "invoke", "--url", url, "--file", "-", stdin="[[1, 2]]"), 1)

    assert line.startswith(
        "do/invoke: the server answered 400: the model expects 3 columns (code wrong_columns, request "
    )


def test_an_error_of_another_kind_of_server_is_one_line(project: Path) -> None:
    class Other(RightServer):
        def answer(self, request: Request) -> Reply:
            return Reply(502, b"<h1>Bad\nGateway</h1>", typed("text/html"))

    with running(Other()) as url:
        line = refusal(run(project, "invoke", "--url", url), 1)

    assert line == "do/invoke: the server answered 502: <h1>Bad Gateway</h1>"


def test_no_server_is_one_line_that_says_what_to_type(project: Path) -> None:
    line = refusal(run(project, "invoke", "--url", "http://127.0.0.1:1"), 2)

    assert line == (
        "do/invoke: nothing answers at http://127.0.0.1:1: "
        "start the server in another terminal with do/serve, or name it with --url"
    )


def test_the_port_is_the_one_of_do_config(project: Path) -> None:
    assert "http://127.0.0.1:9" in refusal(run(project, "invoke", PORT="9"), 2)


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://127.0.0.1", "http://", "http://["])
def test_what_is_no_url_is_refused(project: Path, url: str) -> None:
    assert "is not a URL such as http://127.0.0.1:8080" in refusal(run(project, "invoke", "--url", url), 3)


def test_a_file_that_is_not_there_is_named(project: Path) -> None:
    line = refusal(run(project, "invoke", "--file", "nowhere.json"), 5)

    assert line == "do/invoke: can't read nowhere.json: No such file or directory"


def test_a_project_without_an_example_says_how_to_write_one(project: Path) -> None:
    (project / "sample_model" / "request.json").unlink()

    assert refusal(run(project, "invoke"), 5).startswith(
        "do/invoke: there is no example request: pass --file, or write"
    )
