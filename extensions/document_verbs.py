"""Write what follows from the verbs and extensions/permissions.yml: `python -m extensions.document_verbs`.

These are the pages docs/verbs/*.md and the policies of the caller, template/*/iam/caller*.json. For maintainers.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import copier
import yaml
from plumbum import local

from extensions.template_parts import ROOT, copy_template

PAGES = ROOT / "docs" / "verbs"
TABLE: dict[str, Any] = yaml.safe_load((ROOT / "extensions" / "permissions.yml").read_text(encoding="utf-8"))

# the policies of the caller, and the verbs that they are for; without names it is all the others
POLICIES = {
    "template/{{codebuild}}/iam/caller-codebuild.json": ["submit"],
    "template/{{project}}/iam/caller-artifacts.json": ["push", "upload", "stage", "register"],
    "template/{{project}}/iam/caller-adopt.json": ["adopt"],
    "template/{{project}}/iam/caller-clean.json": ["clean"],
    "template/{{project}}/iam/caller.json": [],
}
# the policies that have what one resource or another of all verbs says, and their layers
APART = {
    "caller-adapters": "inference_components/adapters",
    "caller-async": "async",
    "caller-batch": "batch",
    "caller-bucket": "bucket",
    "caller-components": "inference_components",
    "caller-eks": "eks",
    "caller-hyperpod": "hyperpod",
    "caller-kms": "project",
    "caller-model-data": "project",
    "caller-model-package": "project",
    "caller-provision": "project",
    "caller-scaling": "project",
    "caller-stand-in": "async",
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
    return {PAGES / f"{verb}.md": page(verb, usage) for verb, usage in usages().items()} | policies()


def policies() -> dict[Path, str]:
    """What the policies of the caller should be."""
    taken = {verb for verbs in POLICIES.values() for verb in verbs}
    found = {
        ROOT / file: policy(verbs or [verb for verb in TABLE["verbs"] if verb not in taken])
        for file, verbs in POLICIES.items()
    }
    return found | {
        folder_of(layer) / "iam" / f"{document}.json": policy(list(TABLE["verbs"]), document)
        for document, layer in APART.items()
    }


def folder_of(layer: str) -> Path:
    """The folder of a layer, or of one in another."""
    return Path(ROOT, "template", *(f"{{{{{name}}}}}" for name in layer.split("/")))


@cache
def usages() -> dict[str, str]:
    """What each verb of a project says with --help."""
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder, "template")
        copy_template(template)
        options: dict[str, Any] = {"defaults": True, "quiet": True, "unsafe": True, "skip_tasks": True}
        found: dict[str, str] = {}
        # where several have a verb, the page is the first one's
        kinds: list[dict[str, str]] = [
            {},
            {"deploy_target": "batch"},
            {"model_kind": "generative", "deploy_target": "inference_components"},
        ]
        for number, answers in enumerate(kinds):
            project = Path(folder, str(number), "project")
            copier.run_copy(str(template), project, data={"project_name": "my-model", **answers}, **options)
            verbs = (file for file in Path(project, "do").iterdir() if file.is_file() and not file.suffix)
            found |= {verb.name: _usage(verb) for verb in verbs if verb.name not in found}
        return dict(sorted(found.items()))


def _usage(verb: Path) -> str:
    in_no_environment = local["env"]["--ignore-environment", "COLUMNS=110"].with_cwd(verb.parents[1])
    return in_no_environment(sys.executable, f"do/{verb.name}", "--help").rstrip()


def page(verb: str, usage: str) -> str:
    """The page of a verb."""
    requests = TABLE["verbs"].get(verb)
    lines = [f"# do/{verb}", "", "```", usage, "```", ""]
    if not requests:
        return "\n".join([*lines, "It asks nothing of AWS.", ""])
    lines += ["## AWS calls and permissions", ""]
    lines += ["Unless another one is given, the permission has the name of the call."]
    lines += ["", "| request | on | policy |", "| --- | --- | --- |"]
    for request, resource in _each_resource(requests):
        permission = "" if action(request) == request else f" (permission `{action(request)}`)"
        lines.append(f"| `{request}`{permission} | {_places(resource)} | {_document(verb, resource)} |")
        along = TABLE["along"].get(request, {"rights": {}, "source": ""})
        for right, place in along["rights"].items():
            why = f"`{right}`, [along with it]({along['source']})"
            lines.append(f"| {why} | {_places(place)} | {_document(verb, place)} |")
    services = sorted({action(request).partition(":")[0] for request in requests})
    sources = ", ".join(f"[{service}]({TABLE['sources'][service]})" for service in services)
    return "\n".join([*lines, "", f"AWS's own pages about these permissions: {sources}.", ""])


def _each_resource(requests: dict[str, str | list[str]]) -> Iterator[tuple[str, str]]:
    """Each request with each kind of thing that it is made on."""
    for request, resources in requests.items():
        yield from ((request, one) for one in ([resources] if isinstance(resources, str) else resources))


def _places(resource: str) -> str:
    return ", ".join(f"`{place}`" for place in TABLE["resources"][resource]["arns"])


def _document(verb: str, resource: str) -> str:
    own = next((Path(file).stem for file, verbs in POLICIES.items() if verb in verbs), "caller")
    return f"`{TABLE['resources'][resource].get('document', own)}`"


def action(request: str) -> str:
    """The action of IAM that a request needs."""
    return str(TABLE["actions"].get(request, request))


def policy(verbs: list[str], document: str = "") -> str:
    """A policy for these verbs: a statement for each kind of thing. `document` is that of resources with one."""
    actions: dict[str, set[str]] = defaultdict(set)
    for verb in verbs:
        for request, resource in _each_resource(TABLE["verbs"][verb]):
            rights = {action(request): resource} | TABLE["along"].get(request, {"rights": {}})["rights"]
            for right, place in rights.items():
                if TABLE["resources"][place].get("document", "") == document:
                    actions[place].add(right)
    statements = [statement(place, sorted(names)) for place, names in sorted(actions.items())]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


def statement(resource: str, actions: list[str]) -> Statement:
    """A statement about one kind of thing."""
    row = TABLE["resources"][resource]
    found = {
        "Sid": "".join(word.capitalize() for word in resource.split("_")),
        "Effect": "Allow",
        "Action": actions,
        "Resource": row["arns"],
    }
    return found | ({"Condition": row["when"]} if "when" in row else {})


if __name__ == "__main__":
    main()
