"""README.md and DECISIONS.md of rendered projects: about this project, true, and with nothing about other choices."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plumbum import local

from tests.renders.answers import (
    CATALOG,
    COMBINATIONS,
    EXAMPLES,
    Answers,
    Render,
    every_generative_render,
    every_render,
    name_of,
    types_of_tests,
)
from tests.updates.edits import OWNERS_FILES

of_each_kind = pytest.mark.parametrize("answers", [EXAMPLES["sklearn-fastapi"], EXAMPLES["vllm"]], ids=name_of)
flask_and_fastapi = pytest.mark.parametrize("answers", COMBINATIONS[:2], ids=name_of)


def documents(project: Path) -> str:
    """All prose of a project for its owner and for agents, without the alternatives to its decisions."""
    decisions = re.sub(r"^- \*\*Alternatives\*\*.*\n", "", (project / "DECISIONS.md").read_text(), flags=re.MULTILINE)
    return (project / "README.md").read_text() + (project / "AGENTS.md").read_text() + decisions


def choices(answers: Answers) -> dict[str, tuple[str | list[str], dict[str, Any]]]:
    """For each table of the catalog that answers choose from: what they choose, and the table."""
    if answers.get("model_kind") == "generative":
        engine = CATALOG["model_servers"][answers["model_server"]]
        weights = (answers.get("quantization", "none"), CATALOG["quantizations"])
        return {
            "model_source": (answers.get("model_source", "huggingface"), CATALOG["model_sources"]),
            "model_server": (answers["model_server"], CATALOG["model_servers"]),
            "profile": (answers.get("profile", "balanced"), CATALOG["profiles"]),
            "build_with": (answers.get("build_with", "codebuild"), CATALOG["build_with"]),
            **({"quantization": weights} if "quantization" in engine["settings"] else {}),
        }
    framework = answers.get("framework", "sklearn")
    formats = CATALOG["frameworks"][framework]["formats"]
    tested = types_of_tests(answers) if answers.get("include_tests", True) else []
    return {
        "framework": (framework, CATALOG["frameworks"]),
        "model_format": (answers.get("model_format", next(iter(formats))), formats),
        "model_source": (answers.get("model_source", "sample"), CATALOG["model_sources"]),
        "model_server": (answers.get("model_server", "fastapi"), CATALOG["model_servers"]),
        "build_with": (answers.get("build_with", "codebuild"), CATALOG["build_with"]),
        "test_types": (tested, CATALOG["test_types"]),
    }


def rows(answers: Answers, chosen: bool) -> Iterator[dict[str, str]]:
    """The catalog's rows of what was chosen, or of what was not."""
    for choice, table in choices(answers).values():
        names = [choice] if isinstance(choice, str) else choice
        yield from (row for name, row in table.items() if (name in names) == chosen)


@every_render
def test_decisions_tell_of_every_choice_what_why_and_limits(render: Render, answers: Answers) -> None:
    text = (render(**answers) / "DECISIONS.md").read_text()

    for row in rows(answers, chosen=True):
        assert f": {row['title']}\n" in text
        assert row["what"] in text
        assert row["why"] in text
        assert row["limits"] in text


@every_render
def test_every_decision_is_recorded_with_its_context_consequences_and_alternatives(
    render: Render, answers: Answers
) -> None:
    text = (render(**answers) / "DECISIONS.md").read_text()
    records = [section for section in text.split("\n## ")[1:] if not section.startswith("Policy")]
    parts = ("Context", "Decision", "Consequences", "Alternatives")

    assert {tuple(re.findall(r"^- \*\*(\w+)\*\*: \S", record, re.MULTILINE)) for record in records} == {parts}


@flask_and_fastapi
def test_decisions_name_the_other_choices_and_not_the_one_made(render: Render, answers: Answers) -> None:
    text = (render(**answers) / "DECISIONS.md").read_text()
    record = text.partition("\n## Web application: ")[2].partition("\n## ")[0]
    others = {"fastapi": "Flask (`flask`).", "flask": "FastAPI (`fastapi`)."}[answers["model_server"]]

    assert f"- **Alternatives**: {others} " in record


@every_render
def test_nothing_is_said_about_choices_that_were_not_made(render: Render, answers: Answers) -> None:
    text = documents(render(**answers))

    assert [row["title"] for row in rows(answers, chosen=False) if row["what"] in text] == []


def test_a_project_without_tests_says_nothing_of_tests(render: Render) -> None:
    assert "pytest" not in documents(render(include_tests=False))


def test_a_project_with_a_model_of_its_own_says_nothing_of_the_sample(render: Render) -> None:
    assert "sample" not in documents(render(model_source="local")).lower()


def test_a_project_that_docker_builds_says_nothing_of_codebuild(render: Render) -> None:
    assert "codebuild" not in documents(render(build_with="docker")).lower()


@every_render
def test_the_first_lines_say_what_the_project_is_and_what_to_type(render: Render, answers: Answers) -> None:
    project = render(**answers)
    title, *lines = (project / "README.md").read_text().splitlines()
    first_screen = "\n".join(lines[:20])

    assert title == f"# {answers.get('project_name', 'my-model')}"
    if "model_id" in answers:
        served = json.loads((project / "do/lib/answers.json").read_text())["MODEL_ID"]
        assert served.startswith(answers["model_id"])  # llama.cpp serves its files in GGUF
        assert f"`{served}`" in first_screen
    for choice in {"framework", "model_server"} & {*choices(answers)}:
        name, table = choices(answers)[choice]
        assert table[str(name)]["title"] in first_screen
    assert [command for command in ("do/serve", "do/test", "do/invoke") if command not in first_screen] == []


@every_render
def test_no_heading_is_empty(render: Render, answers: Answers) -> None:
    headings_in_a_row = re.compile(r"^#+ [^\n]*\s+(?:#|\Z)", re.MULTILINE)

    assert headings_in_a_row.findall(documents(render(**answers))) == []


@every_render
def test_links_lead_to_files_that_are_there(render: Render, answers: Answers) -> None:
    project = render(**answers)
    links = [
        (document, link)
        for document in project.rglob("*.md")
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    ]

    assert links
    assert [link for document, link in links if not (document.parent / link).exists()] == []


@every_render
def test_the_readme_names_paths_that_are_there(render: Render, answers: Answers) -> None:
    project = render(**answers)
    named = re.findall(r"^\| `([\w./-]+)` \|", (project / "README.md").read_text(), re.MULTILINE)
    paths = {name for name in named if "/" in name or "." in name} - {"example_request.json", "model/"}
    paths = {name for name in paths if not name.startswith(("application/", "text/"))}

    own = "serving/engine.yml" if answers.get("model_kind") == "generative" else "serving/model_handler.py"
    assert {own, "do/config.env", "do/serve"} <= paths
    assert [name for name in sorted(paths) if not (project / name).exists()] == []


@every_render
def test_the_readme_lists_all_verbs_as_do_the_rules_for_agents(render: Render, answers: Answers) -> None:
    project = render(**answers)
    verbs = {f"do/{path.name}" for path in (project / "do").iterdir() if path.is_file() and not path.suffix}

    listed, for_agents = (
        re.findall(r"^\| `(do/[a-z]+)` \| (.+) \|$", (project / name).read_text(), re.MULTILINE)
        for name in ("README.md", "AGENTS.md")
    )

    assert verbs == {verb for verb, _ in listed}
    assert for_agents == listed
    assert dict(listed)["do/deploy"] == "Create or update the SageMaker endpoint."


@of_each_kind
def test_agents_are_told_commands_that_check_this_project(render: Render, answers: Answers) -> None:
    project = render(**answers)
    told = re.findall(r"^do/([a-z]+) +(--[a-z]+)?", (project / "AGENTS.md").read_text(), re.MULTILINE)
    parsers = {verb: (project / f"do/lib/verbs/{verb}.py").read_text() for verb, _ in told}

    assert "test" in parsers
    assert [(verb, option) for verb, option in told if option not in parsers[verb]] == []
    assert (("test", "--pytest") in told) == (project / "tests").is_dir()


@of_each_kind
def test_reviews_fold_the_files_of_the_template_and_show_those_of_the_owner(
    render: Render, answers: Answers, tmp_path: Path
) -> None:
    project = render(**answers)
    shown = [name for name in OWNERS_FILES if (project / name).exists()]
    folded = ["do/deploy", "do/lib/cli.py", "iam/caller.json", "serving/serve"]
    repository = tmp_path / "repository"
    git = local["git"]["-C", repository]
    local["git"]("init", "--quiet", repository)
    shutil.copy(project / ".gitattributes", repository)

    found = git("check-attr", "linguist-generated", "gitlab-generated", "eol", "--", *shown, *folded)
    values = {tuple(line.split(": ")) for line in found.splitlines()}

    assert {name for name, attribute, value in values if (attribute, value) == ("eol", "lf")} == {*shown, *folded}
    for site in ("linguist-generated", "gitlab-generated"):
        assert {name for name, attribute, value in values if (attribute, value) == (site, "set")} == {*folded}


@every_generative_render
def test_decisions_tell_how_the_model_fits_or_that_it_is_not_known(render: Render, answers: Answers) -> None:
    text = (render(**answers) / "DECISIONS.md").read_text()

    known = answers["model_id"] in CATALOG["models"]
    assert bool(re.search(r"GiB of (a GPU|the instance), the engine uses", text)) == known
    assert ("could not check that the model fits" in text) != known


@every_generative_render
def test_the_readme_lists_the_variables_that_the_entrypoint_reads(render: Render, answers: Answers) -> None:
    project = render(**answers)
    code = "".join(path.read_text() for path in [project / "serving/settings.py", project / "serving/launch.py"])
    in_code = {*re.findall(r"""(?:environment\.get\(|integer\(|boolean\()"([A-Z_]+)\"""", code)}
    defaults = {name: default.lower() for name, default in re.findall(r"""\("([A-Z_]+)", (\d+|True|False),""", code)}
    table = re.findall(r"^\| `([A-Z_]+)` \| (.*?) ?\|", (project / "README.md").read_text(), re.MULTILINE)
    listed = {name: default.strip("`") for name, default in table}

    assert "HF_MODEL_ID" in in_code
    assert in_code == {*listed}
    assert defaults
    assert defaults.items() <= listed.items()


def settings_in_code(project: Path) -> dict[str, str | None]:
    """The variables that serving/settings.py reads, with their defaults (None where it is worked out)."""
    tree = ast.parse((project / "serving/settings.py").read_text())
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    return {
        call.args[0].value: default_of(call)
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "read"
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def default_of(call: ast.Call) -> str | None:
    constant = call.args[1] if len(call.args) > 1 else None
    return str(constant.value).lower() if isinstance(constant, ast.Constant) else None


@flask_and_fastapi
def test_the_readme_lists_the_settings_of_the_server_with_their_defaults(render: Render, answers: Answers) -> None:
    project = render(**answers)
    in_code = settings_in_code(project)
    table = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", (project / "README.md").read_text(), re.MULTILINE)
    listed = {name: default.strip("`") for name, default in table}
    assert listed.pop("SM_MODEL_DIR") == "/opt/ml/model"

    assert {*listed} == {*in_code}
    assert {name: listed[name] for name, default in in_code.items() if default} == {
        name: default for name, default in in_code.items() if default
    }


@flask_and_fastapi
def test_the_readme_lists_the_codes_of_errors(render: Render, answers: Answers) -> None:
    project = render(**answers)
    in_code = re.findall(r'^    code = "(\w+)"', (project / "serving/errors.py").read_text(), re.MULTILINE)
    in_nginx = re.findall(r'"code":"(\w+)"', (project / "serving/nginx.conf").read_text())
    rows_of_codes = re.findall(r"^\| \d{3}.*\| (.*) \|$", (project / "README.md").read_text(), re.MULTILINE)

    assert {*in_code, *in_nginx} == {*re.findall(r"`(\w+)`", " ".join(rows_of_codes))}


def test_the_image_has_the_python_that_the_catalogue_and_the_verbs_name(render: Render) -> None:
    image = CATALOG["base_images"]["predictive"]
    project = render(**EXAMPLES["sklearn-fastapi"])

    assert f":{image['python_version']}-" in image["image"]
    assert f'IMAGE_PYTHON = "{image["python_version"]}"\n' in (project / "do/lib/local/environment.py").read_text()
    assert image["image"] in (project / "Dockerfile").read_text()


def test_a_models_own_versions_are_those_of_the_image_and_stand_among_the_decisions(render: Render) -> None:
    project = render(framework_version="1.2.2", python_version="3.11")

    assert "python:3.11-slim-bookworm" in (project / "Dockerfile").read_text()
    assert "## Version of the framework: scikit-learn 1.2.2\n" in (project / "DECISIONS.md").read_text()
    assert not (project / "requirements.txt").exists()
    assert (project / "do/requirements.txt").exists()
