"""The values in force: the owner's settings in do/config.env, and the answers that the project was made from.

Looked up in this order: the environment (a variable of the same name), do/config.env, the answers (lib/answers.json),
the default. lib/settings.json says which settings there are; the environment overrides those, and no other answer.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lib import policy, target, values
from lib.cli import ROOT, ExitCode, VerbError

CONFIG_FILE = ROOT / "do" / "config.env"
LIB = Path(__file__).parent

SETTINGS: Mapping[str, dict[str, Any]] = json.loads((LIB / "settings.json").read_text(encoding="utf-8"))
ANSWERS: Mapping[str, str] = json.loads((LIB / "answers.json").read_text(encoding="utf-8"))
# The AWS partition of each region.
PARTITIONS: Mapping[str, str] = json.loads((LIB / "partitions.json").read_text(encoding="utf-8"))
INSTANCES: Mapping[str, dict[str, Any]] = json.loads((LIB / "instances.json").read_text(encoding="utf-8"))
LOCAL_DISKS = [name for name, row in INSTANCES.items() if "local_disk" in row]

# of a line in do/config.env, which do/update doesn't touch
LEFT_OVER = ": remove the line, or go back to the answers that it belongs to"

ENVIRONMENT, FILE, ANSWER, DEFAULT = "environment", "do/config.env", "answer", "default"

# the settings that the server in the container reads, and the variables that it reads them from
CONTAINER_VARIABLES = {"MODEL_ID": "HF_MODEL_ID", "MODEL_REVISION": "HF_REVISION", "HF_TOKEN_SECRET": "HF_TOKEN_SECRET"}
PREDICTIVE_VARIABLES = {
    "INVOCATION_TIMEOUT": "SERVING_REQUEST_TIMEOUT",
    "MAX_BODY_MB": "SERVING_MAX_BODY_MB",
    "MAX_PAYLOAD_MB": "SERVING_MAX_BODY_MB",
}
GENERATIVE_VARIABLES = {"STARTUP_TIMEOUT": "SERVING_STARTUP_TIMEOUT"}


class Settings(Mapping[str, str]):
    """The values in force. Looking one up raises VerbError where it makes no sense, KeyError where it is unknown."""

    def __init__(self, file_values: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self.overrides = {key: environment[key] for key in SETTINGS if key in environment}
        self.file_values = file_values

    def __getitem__(self, key: str) -> str:
        value, source = self._found(key)
        if key in SETTINGS and source in (ENVIRONMENT, FILE):
            check_value(key, value, source)
        return value

    def __contains__(self, key: object) -> bool:
        return key in ANSWERS or key in SETTINGS  # some are there in some projects only

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*ANSWERS, *SETTINGS]))

    def __len__(self) -> int:
        return len({*ANSWERS, *SETTINGS})

    def source(self, key: str) -> str:
        """Where a value comes from: the environment, do/config.env, an answer, or the default."""
        return self._found(key)[1]

    def _found(self, key: str) -> tuple[str, str]:
        if key in self.overrides:
            return self.overrides[key], ENVIRONMENT
        if key in self.file_values:
            return self.file_values[key], FILE
        if key in ANSWERS:
            return ANSWERS[key], ANSWER
        row = SETTINGS[key]
        return (self[row["default_of"]] if "default_of" in row else row["default"]), DEFAULT


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read do/config.env. Raises VerbError for a line that can't be used."""
    return Settings(parse(_read()), environment)


def require_sound() -> Settings:
    """The values in force. Raises VerbError for one that is wrong, that the policy refuses, or that fits no other."""
    found = load()
    for key in found:
        if refusal := policy.refusal(key, found[key]):
            raise VerbError(f"{key}={found[key]} ({found.source(key)}): {refusal}", ExitCode.BAD_CONFIGURATION)
    for line in values.contradictions(found, PARTITIONS, LOCAL_DISKS):
        raise VerbError(line, ExitCode.BAD_CONFIGURATION)
    return found


def container_variables() -> dict[str, str]:
    """The environment that every container of this project gets, here and on AWS."""
    current = load()
    variables = CONTAINER_VARIABLES | (GENERATIVE_VARIABLES if "MODEL_ID" in current else PREDICTIVE_VARIABLES)
    chosen = {variables[key]: current[key] for key in current if key in variables and current[key]}
    return target.CONTAINER_VARIABLES | chosen


def parse(text: str) -> dict[str, str]:
    """The values of a dotenv file (KEY=VALUE, quoted as in the shell). Raises VerbError with the line's number."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            key, value = _parse_line(line)
            check_key(key, LEFT_OVER)
            _check_owned(key, value)
            if key in found:
                raise ValueError(f"{key} is there twice")
        except (ValueError, VerbError) as error:
            raise VerbError(f"line {number} of do/config.env: {error}", ExitCode.BAD_CONFIGURATION) from None
        found[key] = value
    return found


def set_values(changes: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Write settings into do/config.env, all or none, and return each with what it was. Raises VerbError."""
    text = _read()
    before = Settings(parse(text), {})
    for key, value in changes:
        _check_owned(key, value)
        check_value(key, value, "given")
        if refusal := policy.refusal(key, value):
            raise VerbError(f"{key}={value}: {refusal}", ExitCode.BAD_CONFIGURATION)
    _check_together(before, Settings({**before.file_values, **dict(changes)}, {}))
    for key, value in changes:
        text = _with_line(text, key, f"{key}={shlex.quote(value) if value else ''}")
    _write(text)
    return [(key, before[key]) for key, _ in changes]


def set_value(key: str, value: str) -> str:
    """Write one setting into do/config.env and return what it was. Raises VerbError where it can't be set."""
    return set_values([(key, value)])[0][1]


def _check_together(before: Settings, after: Settings) -> None:
    """Raise VerbError for a change that brings values in contradiction; what was so before may stay."""
    old = {*values.contradictions(before, PARTITIONS, LOCAL_DISKS)}
    for line in values.contradictions(after, PARTITIONS, LOCAL_DISKS):
        if line not in old:
            raise VerbError(line, ExitCode.BAD_CONFIGURATION)


def _with_line(text: str, key: str, line: str) -> str:
    """The text of do/config.env with the line of a setting replaced, or added at the end."""
    changed, found = re.subn(rf"^[ \t]*{key}[ \t]*=.*$", lambda _: line, text, count=1, flags=re.MULTILINE)
    return changed if found else f"{text.rstrip()}\n\n{line}\n"


def check_key(key: str, advice: str = "") -> None:
    """Raise VerbError unless it is the name of a setting or an answer; the error names the nearest one, or `advice`."""
    known = [*dict.fromkeys([*ANSWERS, *SETTINGS])]
    if key not in known:
        hint = values.did_you_mean(key.upper(), known) or advice or f": there are {', '.join(known)}"
        raise VerbError(f"unknown setting {key!r}{hint}", ExitCode.BAD_CONFIGURATION)


def _check_owned(key: str, value: str) -> None:
    """Raise VerbError unless do/config.env is where it is set: answers shape files, so do/update changes them."""
    check_key(key)
    if key in ANSWERS:
        raise VerbError(
            f"{key} is an answer, which affects files of the project: "
            f"run do/update --keep-version --data {key.lower()}={shlex.quote(value)}",
            ExitCode.BAD_CONFIGURATION,
        )


def check_value(key: str, value: str, where: str) -> None:
    """Raise VerbError unless the setting can have this value."""
    if problem := values.problem(value, SETTINGS[key]):
        shown = "..." if values.secret_in(value) else repr(value)  # what may be a secret is not printed
        raise VerbError(f"{key}={shown} ({where}) is wrong: {problem}", ExitCode.BAD_CONFIGURATION)


def _parse_line(line: str) -> tuple[str, str]:
    key, equals, rest = line.partition("=")
    words = shlex.split(rest, comments=True)
    if not equals or len(words) > 1:
        raise ValueError("should be KEY=VALUE, in quotes where the value has blanks")
    return key.strip(), words[0] if words else ""


def _read() -> str:
    try:
        return CONFIG_FILE.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise VerbError("do/config.env is missing: run git checkout do/config.env", ExitCode.MISSING_FILE) from None


def _write(text: str) -> None:
    """Replace the file at once, so that no reader sees half of it."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=CONFIG_FILE.parent, delete=False) as file:
        file.write(text)
    Path(file.name).chmod(CONFIG_FILE.stat().st_mode)
    Path(file.name).replace(CONFIG_FILE)
