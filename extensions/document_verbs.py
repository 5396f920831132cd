"""Write what follows from the verbs and extensions/permissions.yml: `python -m extensions.document_verbs`.

These are the pages docs/verbs/*.md and the policies of the caller, template/*/iam/caller*.json. For maintainers.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import copier
import yaml

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "verbs"
TABLE: dict[str, Any] = yaml.safe_load((ROOT / "extensions" / "permissions.yml").read_text(encoding="utf-8"))

# the policies of the caller, and the verbs that they are for; without names it is all the others
POLICIES = {
    ROOT / "template/{{codebuild}}/iam/caller-codebuild.json": ["submit"],
    ROOT / "template/{{project}}/iam/caller-artifacts.json": ["push", "upload", "register"],
    ROOT / "template/{{project}}/iam/caller.json": [],
}

Statement = dict[str, Any]


def main() -> None:
    """Write all of it."""
    PAGES.mkdir(exist_ok=True)
    for page_of_a_verb in PAGES.glob("*.md"):
        page_of_a_verb.unlink()
    for file, text in files().items():
        file.write_text(text, encoding="utf-8")


def files() -> dict[Path, str]:
    """What each file should be."""
    wanted = {PAGES / f"{verb}.md": page(verb, usage) for verb, usage in usages().items()}
    for file, verbs in POLICIES.items():
        taken = {verb for others in POLICIES.values() for verb in others}
        wanted[file] = policy(verbs or [verb for verb in TABLE["verbs"] if verb not in taken])
    return wanted


@cache
def usages() -> dict[str, str]:
    """What each verb of a project says with --help."""
    with tempfile.TemporaryDirectory() as folder:
        template, project = Path(folder, "template"), Path(folder, "project")
        # without git: as the files are now
        shutil.copytree(ROOT, template, ignore=shutil.ignore_patterns(".*_cache", ".git", ".venv", "__pycache__"))
        options: dict[str, Any] = {"defaults": True, "quiet": True, "unsafe": True, "skip_tasks": True}
        copier.run_copy(str(template), project, data={"project_name": "my-model"}, **options)
        verbs = sorted(file for file in Path(project, "do").iterdir() if file.is_file() and not file.suffix)
        return {verb.name: _usage(verb) for verb in verbs}


def _usage(verb: Path) -> str:
    command = [sys.executable, f"do/{verb.name}", "--help"]
    done = subprocess.run(
        command, cwd=verb.parents[1], env={"COLUMNS": "110"}, check=True, capture_output=True, text=True
    )
    return done.stdout.rstrip()


def page(verb: str, usage: str) -> str:
    """The page of a verb."""
    requests = TABLE["verbs"].get(verb)
    lines = [f"# do/{verb}", "", "```", usage, "```", ""]
    if not requests:
        return "\n".join([*lines, "It asks nothing of AWS.", ""])
    lines += ["## What it asks of AWS", "", "Each request needs the permission of its name, if no other is given."]
    lines += ["", "| request | on |", "| --- | --- |"]
    for request, resource in requests.items():
        permission = "" if action(request) == request else f" (permission `{action(request)}`)"
        places = ", ".join(f"`{place}`" for place in TABLE["resources"][resource])
        lines.append(f"| `{request}`{permission} | {places} |")
    return "\n".join([*lines, ""])


def action(request: str) -> str:
    """The action of IAM that a request needs."""
    return str(TABLE["actions"].get(request, request))


def policy(verbs: list[str]) -> str:
    """The policy of whoever types these verbs: a statement for each kind of thing."""
    actions: dict[tuple[str, str], set[str]] = defaultdict(set)
    for verb in verbs:
        for request, resource in TABLE["verbs"][verb].items():
            condition = action(request) if action(request) in TABLE["conditions"] else ""
            actions[resource, condition].add(action(request))
    statements = [statement(*key, sorted(names)) for key, names in sorted(actions.items())]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


def statement(resource: str, condition: str, actions: list[str]) -> Statement:
    """A statement about one kind of thing."""
    words = [*resource.split("_"), *condition.partition(":")[2:]]
    found = {
        "Sid": "".join(word[:1].upper() + word[1:] for word in words),
        "Effect": "Allow",
        "Action": actions,
        "Resource": TABLE["resources"][resource],
    }
    return found | ({"Condition": TABLE["conditions"][condition]} if condition else {})


if __name__ == "__main__":
    main()
