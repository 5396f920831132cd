"""do/config: show or change the settings of this project."""

from __future__ import annotations

import shlex

from lib import cli, config
from lib.cli import ExitCode, VerbError, say

EPILOG = """\
Shows each effective value and its source: the environment (a variable of the same name), do/config.env, the project's
answers, or the default. Changes settings, all or none. Values that affect other files are answers: change them with
do/update --keep-version --data.

examples:
  do/config                        all values
  do/config show AWS_REGION        one value
  do/config set MIN_INSTANCES 2 MAX_INSTANCES 4"""


def main() -> int:
    arguments = cli.parser("Show or change the settings of this project.", EPILOG)
    actions = arguments.add_subparsers(dest="action", metavar="{show,set}")
    show = actions.add_parser("show", help="show all values, or the value of KEY (the default)")
    show.add_argument("key", nargs="?", metavar="KEY")
    change = actions.add_parser("set", help="change settings in do/config.env")
    change.add_argument("changes", nargs="+", metavar="KEY VALUE")
    options = cli.parse(arguments)
    if options.action == "set":
        return set_all(options.changes)
    key = getattr(options, "key", None)
    return show_one(key) if key else show_all()


def show_one(key: str) -> int:
    config.check_key(key)
    print(config.load()[key])
    return ExitCode.OK


def show_all() -> int:
    current = config.load()
    lines = {key: f"{key}={shlex.quote(current[key]) if current[key] else ''}" for key in current}
    width = min(max(map(len, lines.values())), 60)
    for key, line in lines.items():
        print(f"{line:{width}}  # {current.source(key)}")
    return ExitCode.OK


def set_all(words: list[str]) -> int:
    """Set pairs of a key and a value. Raises VerbError where one is wrong, and then sets none."""
    if len(words) % 2:
        raise VerbError(f"{words[-1]} has no value: run do/config set KEY VALUE", ExitCode.BAD_CONFIGURATION)
    changes = list(zip(words[::2], words[1::2], strict=True))
    before = config.set_values(changes)
    overrides = config.load().overrides
    for (key, value), (_, old) in zip(changes, before, strict=True):
        print(f"{key}: {old or '(empty)'} -> {value or '(empty)'}")
        if key in overrides:
            say(f"note: {key}={overrides[key]} in the environment overrides it here")
    return ExitCode.OK
