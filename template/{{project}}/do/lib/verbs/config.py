"""do/config: show or change the settings of this project."""

from __future__ import annotations

import shlex

from lib import cli, config
from lib.cli import ExitCode, say

EPILOG = """\
The settings are in do/config.env; an environment variable of the same name overrides one.

examples:
  do/config                        all settings
  do/config show AWS_REGION        one value
  do/config set AWS_REGION eu-west-1"""


def main() -> int:
    arguments = cli.parser("Show or change the settings of this project.", EPILOG)
    actions = arguments.add_subparsers(dest="action", metavar="{show,set}")
    show = actions.add_parser("show", help="show all settings, or the value of one (the default)")
    show.add_argument("key", nargs="?", metavar="KEY")
    change = actions.add_parser("set", help="change a setting in do/config.env")
    change.add_argument("key", metavar="KEY")
    change.add_argument("value", metavar="VALUE")
    options = cli.parse(arguments)
    if options.action == "set":
        return set_one(options.key, options.value)
    key = getattr(options, "key", None)
    return show_one(key) if key else show_all()


def show_one(key: str) -> int:
    print(config.load()[key])
    return ExitCode.OK


def show_all() -> int:
    current = config.load()
    for key in current:
        note = "  # from the environment" if key in current.overrides else ""
        print(f"{key}={shlex.quote(current[key]) if current[key] else ''}{note}")
    return ExitCode.OK


def set_one(key: str, value: str) -> int:
    before = config.set_value(key, value)
    print(f"{key}: {'(not set)' if before is None else before or '(empty)'} -> {value or '(empty)'}")
    override = config.load().overrides.get(key)
    if override is not None:
        say(f"note: {key}={override} in the environment overrides it here")
    return ExitCode.OK
