"""The page docs/builder in a real browser: what it offers, says and writes, as the template itself would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page

from scripts import builder
from tests.conftest import ROOT
from tests.programs import tool
from tests.repository.conftest import OpenPage
from tests.repository.test_answers_schema import SAMPLES, is_valid


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """The builder, as it opens."""
    return open_page("builder")


def answers_on(page: Page) -> Any:
    """The answers file that the page shows."""
    return yaml.safe_load(page.locator("#answers").inner_text())


def offered(page: Page, question: str) -> list[str]:
    """The values that a question offers."""
    options = page.locator(f"select[name={question}] option").all()
    return [str(option.get_attribute("value")) for option in options if option.is_enabled()][1:]


def test_the_command_that_is_copied_makes_the_project_that_was_filled_in(page: Page, tmp_path: Path) -> None:
    page.get_by_label("What is this project called?").fill("churn-model")
    page.get_by_label("Which framework did you train the model with?").select_option("xgboost")
    page.get_by_label("What should serve the requests?").select_option("flask")
    page.get_by_text("Initial settings of do/config.env").click()
    page.get_by_label("MAX_INSTANCES").fill("3")
    page.get_by_role("button", name="Copy the command").click()

    with page.expect_download() as download:
        page.get_by_role("link", name="Download answers.yml").click()
    download.value.save_as(tmp_path / "answers.yml")
    *_, command = page.evaluate("navigator.clipboard.readText()").partition("copier copy ")
    arguments = command.replace("gh:org/mcc-template", str(ROOT)).split()
    copied = tool("copier", "copy", "--vcs-ref", "HEAD", "--skip-tasks", *arguments, folder=tmp_path)

    assert copied.returncode == 0, copied.stderr
    recorded = yaml.safe_load((tmp_path / "churn-model/.copier-answers.yml").read_text())
    assert recorded | {"framework": "xgboost", "model_server": "flask", "project_name": "churn-model"} == recorded
    assert "MAX_INSTANCES=3\n" in (tmp_path / "churn-model/do/config.env").read_text()


def test_only_choices_that_go_together_are_offered(page: Page) -> None:
    page.get_by_label("What should serve the requests?").select_option("flask")
    page.get_by_label("What kind of model do you want to serve?").select_option("generative")

    assert "flask" not in offered(page, "model_server")
    assert "vllm" in offered(page, "model_server")
    assert page.locator("#row-framework").is_hidden()
    assert answers_on(page) == {"model_kind": "generative"}  # Flask was taken back


def test_a_wrong_text_is_told_what_the_question_takes_and_makes_no_file(page: Page) -> None:
    page.get_by_label("What is this project called?").fill("My Model")

    problem = page.locator("#row-project_name .builder-problem").inner_text()
    assert (
        problem == "use 2 to 46 lower-case letters, digits and single hyphens, with a letter first, such as churn-model"
    )
    assert page.locator("#verdict").inner_text() == "One answer has to change: project_name"
    assert page.locator("#answers").inner_text() == ""
    assert page.get_by_role("link", name="Download answers.yml").is_hidden()


def test_a_wrong_setting_is_told(page: Page) -> None:
    page.get_by_text("Initial settings of do/config.env").click()
    page.get_by_label("MAX_INSTANCES").fill("many")

    assert page.locator("#verdict").inner_text() == "One answer has to change: MAX_INSTANCES"


def test_every_question_and_choice_of_the_template_is_there(page: Page) -> None:
    questions = [question for section in builder.sections() for question in section["questions"]]
    shown = {
        row.removeprefix("row-")
        for row in page.locator(".builder-question").evaluate_all("rows => rows.map(r => r.id)")
    }

    assert {question["name"] for question in questions if question["kind"] != "yaml"} <= shown
    for question in questions:
        for value in question["choices"]:
            assert page.locator(
                f'[name={question["name"]}] [value="{value}"], [name={question["name"]}][value="{value}"]'
            ).count(), value


def test_the_page_and_the_schema_take_the_same_answers(page: Page) -> None:
    alone = [{name: value} for name, values in SAMPLES.items() for value in values]
    pairs = [
        {"model_kind": kind, "model_server": server, "deploy_target": target}
        for kind in SAMPLES["model_kind"]
        for server in SAMPLES["model_server"]
        for target in SAMPLES["deploy_target"]
    ]
    tried = alone + pairs
    held = page.evaluate(f"{json.dumps(tried)}.map((answers) => holds(schema, answers))")

    assert [answers for answers, taken in zip(tried, held, strict=True) if taken != is_valid(answers)] == []
    assert {*held} == {True, False}
