"""do/adapter: add LoRA adapters to the endpoint, list them, and remove them."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from lib import cli
from lib.cli import ExitCode, say
from lib.local import environment

if TYPE_CHECKING:
    from lib.aws.client import AwsClient

EPILOG = """\
An adapter is an inference component that uses the model's GPUs, so it adds no costs. The engine loads and unloads it
while it runs. PATH is a folder with adapter_config.json and adapter_model.safetensors, a .tar.gz with these files at
its root, or the URL of such an archive in S3. Files are uploaded to the project's bucket. If NAME exists with other
weights, it is replaced: it doesn't answer for the seconds in between. Safe to re-run after an interruption.

examples:
  do/adapter add support path/to/adapter
  do/adapter add support path/to/adapter --dry-run     print each AWS call with its parameters, and change nothing
  do/invoke --endpoint --adapter support "Hello"       the adapter answers
  do/adapter list
  do/adapter remove support                            also removes the uploaded archive"""


def main() -> int:
    arguments = cli.parser("Add LoRA adapters to the endpoint, list them, and remove them.", EPILOG)
    actions = arguments.add_subparsers(dest="action", metavar="{add,list,remove}", required=True)
    add = actions.add_parser("add", help="add the adapter in PATH, or replace NAME with it")
    add.add_argument("name", metavar="NAME", help="letters, digits and hyphens")
    add.add_argument("path", metavar="PATH", help="a folder, a .tar.gz or s3://BUCKET/KEY.tar.gz")
    show = actions.add_parser("list", help="show the name, the state and the archive of each adapter")
    show.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    remove = actions.add_parser("remove", help="remove NAME and its uploaded archive")
    remove.add_argument("name", metavar="NAME")
    for action in (add, remove):
        action.add_argument("--dry-run", action="store_true", help="only show what would change")
    options = cli.parse(arguments)
    environment.enter_verbs()
    return ACTIONS[options.action](options)


def add(options: argparse.Namespace) -> int:
    """Check the adapter, upload it, and have the engine load it. Raises VerbError."""
    from lib.target import adapter_files, adapters

    component = adapters.component(options.name)
    adapter_files.require_enabled()
    with adapter_files.archived(options.path) as archive:
        aws = connect(options.dry_run)
        adapters.require_base(aws)
        artifact = adapters.uploaded(aws, options.name, archive) if archive else options.path
        adapters.require_readable(aws, artifact)
    changed = adapters.bring(aws, component, artifact)
    adapters.remove_archives(aws, options.name, kept=artifact)
    if not options.dry_run:
        print(f"{component} is InService with {artifact}{'' if changed else ': nothing to change'}")
        say(f"next: do/invoke --endpoint --adapter {options.name}")
    return ExitCode.OK


def show(options: argparse.Namespace) -> int:
    """Print the project's adapters."""
    from lib.aws import names
    from lib.target import adapters

    found = [
        {"name": one.name.removeprefix(names.adapter("")), "state": one.status, "artifact": one.artifact}
        for one in adapters.owned(connect())
    ]
    if options.json:
        print(json.dumps({"endpoint": names.project(), "adapters": found}, indent=2))
        return ExitCode.OK
    for row in found:
        print("  ".join(row.values()))
    if not found:
        print(f"{names.project()} has no adapters")
    return ExitCode.OK


def remove(options: argparse.Namespace) -> int:
    """Remove an adapter with its archives, if there are any. Raises VerbError."""
    from lib.target import adapters

    component, aws = adapters.component(options.name), connect(options.dry_run)
    removed = [adapters.remove(aws, component), adapters.remove_archives(aws, options.name)]
    if not options.dry_run:
        print(f"{component} is gone" if any(removed) else f"there is no adapter {options.name}: nothing to remove")
    return ExitCode.OK


def connect(dry_run: bool = False) -> AwsClient:
    """AWS. Raises VerbError for a setting that is wrong, or an endpoint that a stack makes and removes."""
    from lib import config
    from lib.aws import endpoint
    from lib.aws.client import AwsClient

    config.require_sound()
    aws = AwsClient(dry_run)
    endpoint.require_no_stack(endpoint.find(aws))
    return aws


ACTIONS = {"add": add, "list": show, "remove": remove}
