"""do/test runs the contract suite against a server, and tells how it went by lines, JSON and exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verbs.conftest import refusal, run, stamp
from tests.verbs.contract_server import RightServer, running
from tests.verbs.faults import NoFeatures


def test_a_good_server_gives_a_line_for_each_check_and_0(tested: Path) -> None:
    with running(RightServer()) as url:
        done = run(tested, "test", "--url", url)

    assert done.returncode == 0, done.stdout
    *checks, total = done.stdout.splitlines()
    done_without = [line for line in checks if line.startswith("n/a   ")]
    assert all("the output that it asks for" in line for line in done_without)  # this model has but one
    made = [line for line in checks if line not in done_without]
    assert len(made) > 100
    assert all(line.startswith("ok    ") and " - expected " in line and "; saw " in line for line in made)
    assert total == f"{len(checks)} checks of {url}: all is well"


def test_a_bad_server_gives_the_failing_checks_in_json_and_1(tested: Path) -> None:
    """Predecessor F.1-18: the test script always exited 0."""
    with running(NoFeatures()) as url:
        done = run(tested, "test", "--url", url, "--json")

    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["url"], report["failed"]) == (url, 1)
    (failed,) = [check for check in report["checks"] if check["outcome"] == "FAIL"]
    assert failed["topic"] == "formats"
    assert failed["name"] == "json lines may be features records"
    assert failed["expected"] == "200"
    assert failed["seen"].startswith("400: ")


def test_no_server_is_one_line_that_says_what_to_type(tested: Path) -> None:
    assert refusal(run(tested, "test", PORT="9"), 2) == (
        "do/test: nothing answers at http://127.0.0.1:9: "
        "start the server in another terminal with do/serve, or name it with --url"
    )


def test_no_model_to_compare_with_is_one_line(project: Path) -> None:
    assert refusal(run(project, "test"), 5) == "do/test: there is no model in model/: run do/train to make the sample"


def test_a_server_that_does_not_start_is_told_of_with_its_last_words(tested: Path, verbs_environment: Path) -> None:
    stamp(verbs_environment, tested / "do" / "requirements.txt", tested / "requirements.txt")
    (tested / ".venv").symlink_to(verbs_environment)
    (tested / "serving" / "serve").write_text('raise SystemExit(\'{"level": "error", "message": "no memory"}\')\n')

    line = refusal(run(tested, "test", "--serve"), 1)

    assert line == "do/test: the server did not start (exit code 1): error: no memory (run do/serve to see everything)"


def test_only_one_server_can_be_tested(tested: Path) -> None:
    assert "not allowed with" in refusal(run(tested, "test", "--serve", "--url", "http://127.0.0.1:1"), 3)


def test_a_project_without_tests_says_how_to_get_some(bare_project: Path) -> None:
    for file in (bare_project / "tests").iterdir():
        file.unlink()

    assert refusal(run(bare_project, "test", "--pytest"), 5) == (
        "do/test: this project has no tests/: run do/update --keep-version --data include_tests=true"
    )


class TestModelOfTheUsersOwn:
    """What a server should answer is asked from the model itself, through the project's handler."""

    @pytest.fixture
    def own(self, project: Path, verbs_environment: Path) -> Path:
        """A project with a model of its own, and a handler that needs no framework."""
        stamp(verbs_environment, project / "do" / "requirements.txt", project / "requirements.txt")
        (project / ".venv").symlink_to(verbs_environment)
        (project / "model" / "weights.npy").write_bytes(b"")
        (project / "serving" / "model_handler.py").write_text(HANDLER)
        return project

    def answers(self, project: Path, *arguments: str) -> dict[str, Any]:
        """What the model is asked, and answers."""
        script = "from lib.checks.http import reference; from pathlib import Path; import sys; "
        script += "r = reference.load(Path(sys.argv[1]) if sys.argv[1:] else None, None); "
        script += "import json; print(json.dumps([r.rows, r.predictions.outputs[''].tolist()]))"
        (project / "do" / "ask").write_text(f"{script}\n")
        done = run(project, "ask", *arguments)
        assert done.returncode == 0, done.stderr
        rows, predictions = json.loads(done.stdout)
        return {"rows": rows, "predictions": predictions}

    def test_rows_are_made_up_that_fit_it(self, own: Path) -> None:
        answers = self.answers(own)

        assert np.shape(answers["rows"]) == (5, 3)
        assert answers["predictions"] == [sum(row) for row in answers["rows"]]

    def test_the_rows_of_the_users_example_request_are_taken(self, own: Path) -> None:
        (own / "example_request.json").write_text('{"instances": [[1, 2, 3], [4, 5, 6]]}')

        assert self.answers(own)["predictions"] == [6, 15]

    def test_the_rows_of_a_given_file_come_first(self, own: Path) -> None:
        (own / "example_request.json").write_text('{"instances": [[1, 2, 3], [4, 5, 6]]}')
        (own / "other.json").write_text("[[7, 8, 9]]")

        assert self.answers(own, "other.json")["predictions"] == [24]

    def test_a_request_that_the_model_refuses_is_one_line(self, own: Path) -> None:
        (own / "example_request.json").write_text("[[1]]")

        line = refusal(run(own, "test"), 1)

        assert "the model's own handler refuses" in line
        assert "3 columns" in line

    def test_a_model_that_may_want_anything_but_numbers_needs_an_example(self, own: Path) -> None:
        handler = own / "serving" / "model_handler.py"
        handler.write_text(handler.read_text().replace("return RowFormat((3,))", "return None"))

        assert refusal(run(own, "test"), 1) == (
            "do/test: no example_request.json and the model does not tell its columns' types: nothing of your kind was "
            "tested; write one request into example_request.json"
        )


HANDLER = """
import numpy as np

from serving.codecs import RowFormat
from serving.handlers.base import Handler


class ModelHandler(Handler):
    def load(self, model_dir):
        return "sum"

    def describe(self, model):
        return RowFormat((3,))

    def predict(self, model, rows):
        return rows.sum(axis=1)
"""
