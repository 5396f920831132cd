"""The owner's model_handler.py changes what it says and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real_servers.conftest import serving

ROW = [1, 0.455, 0.365, 0.095, 0.514, 0.2245, 0.101, 0.15]
both = pytest.mark.parametrize("model_server", ["flask", "fastapi"])
OwnHandler = Callable[..., Path]


@both
def test_an_overridden_predict_is_used(with_handler: OwnHandler, tmp_path: Path, model_server: str) -> None:
    own = "    def predict(self, model, rows):\n        return [{'rings': 7, 'row': row[0]} for row in rows.tolist()]"
    with serving(with_handler(model_server, own), tmp_path / "log") as server:
        assert server.post([ROW]).json() == {"predictions": [{"rings": 7, "row": 1.0}]}


@both
def test_an_overridden_decode_and_encode_are_used(with_handler: OwnHandler, tmp_path: Path, model_server: str) -> None:
    own = """
    def decode(self, body, content_type):
        return np.array([[float(value) for value in body.decode().split(";")]])

    def encode(self, predictions, accept):
        return b"rings=%d" % round(predictions[0])
"""
    with serving(with_handler(model_server, own), tmp_path / "log") as server:
        body = ";".join(map(str, ROW))
        answer = server.client.post(f"{server.url}/invocations", content=body, headers={"Content-Type": "text/csv"})

    assert answer.status_code == 200
    assert answer.text.startswith("rings=")


@both
def test_an_exception_in_predict_is_logged_and_not_shown(
    with_handler: OwnHandler, tmp_path: Path, model_server: str
) -> None:
    own = "    def predict(self, model, rows):\n        raise RuntimeError('the password is swordfish')"
    with serving(with_handler(model_server, own), tmp_path / "log") as server:
        answer = server.post([ROW])
        assert server.ping() == 200

        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "prediction_failed")
        assert "swordfish" not in answer.text
        assert any("swordfish" in line.get("exception", "") for line in server.log_lines())


@both
def test_an_exception_in_decode_is_logged_and_not_shown(
    with_handler: OwnHandler, tmp_path: Path, model_server: str
) -> None:
    own = "    def decode(self, body, content_type):\n        raise RuntimeError('the password is swordfish')"
    with serving(with_handler(model_server, own), tmp_path / "log") as server:
        answer = server.post([ROW])

        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
        assert "swordfish" not in answer.text
        server.stop()  # by now everything is written
        logged = [line for line in server.log_lines() if "swordfish" in line.get("exception", "")]
        assert [line["request_id"] for line in logged] == [answer.headers["X-Request-Id"]]


@both
def test_a_handler_refuses_rows_in_its_own_words(with_handler: OwnHandler, tmp_path: Path, model_server: str) -> None:
    own = "    def predict(self, model, rows):\n        raise BadRequest('an abalone is longer than that')"
    with serving(with_handler(model_server, own), tmp_path / "log") as server:
        answer = server.post([ROW])

    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "an abalone is longer than that")


@both
def test_what_a_handler_prints_becomes_a_log_line(with_handler: OwnHandler, tmp_path: Path, model_server: str) -> None:
    own = """
    def predict(self, model, rows):
        print("hello from the owner", flush=True)
        return super().predict(model, rows)
"""
    with serving(with_handler(model_server, own), tmp_path / "log") as server:
        server.post([ROW])
        server.stop()

        assert "hello from the owner" in [line["message"] for line in server.log_lines()]


HOOKS = {
    "flask": """
@application.after_request
def sign(response: Response) -> Response:
    response.headers["X-Own"] = "signed"
    return response
""",
    "fastapi": """
@application.middleware("http")
async def sign(request: Request, call_next):
    response = await call_next(request)
    response.headers["X-Own"] = "signed"
    return response
""",
}


@both
def test_an_owners_hooks_see_requests_for_predictions(
    with_handler: OwnHandler, tmp_path: Path, model_server: str
) -> None:
    project = with_handler(model_server)
    with (project / "serving/app.py").open("a") as app:
        app.write(HOOKS[model_server])
    with serving(project, tmp_path / "log") as server:
        good, bad = server.post([ROW]), server.post([[1]])

    assert (good.status_code, good.headers["X-Own"]) == (200, "signed")
    assert (bad.status_code, bad.json()["error"]["code"], bad.headers["X-Own"]) == (400, "wrong_columns", "signed")
