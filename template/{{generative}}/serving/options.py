"""The engine's options: those of engine.yml, and the variables SM_<ENGINE>_<OPTION> that override them.

engine.yml is read here, because not every engine's image has a YAML library. What it may hold is a part of YAML, and
means the same there: one `name: value` a line, where a value is a word, a number, true, false, or JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serving.settings import SettingError

Options = dict[str, Any]  # by the engine's own names, with _ for each -

LINE = re.compile(r"(?P<name>[A-Za-z][\w.-]*):\s+(?P<value>\S.*)")
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
WORD = re.compile(r"([A-Za-z/][\w./@+:-]*[\w/]|[A-Za-z]|\d+[KMGkmg])(\s+#.*)?")
# YAML takes these for true, false or nothing
AMBIGUOUS = ("y", "yes", "n", "no", "on", "off", "null", "true", "false")
SECRET = re.compile(r"(token|secret|password|api_key)\Z")
HIDDEN = "***"


def read(file: Path) -> Options:
    """The options in engine.yml. Raises SettingError with the number of a line that can't be used."""
    options: Options = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            name, value = parse_line(line)
            if name in options:
                raise ValueError(f"{name} is there twice")
        except ValueError as error:
            raise SettingError(f"line {number} of {file.name}: {error}") from None
        options[name] = value
    return options


def parse_line(line: str) -> tuple[str, Any]:
    """An option's name and value. Raises ValueError for anything else, with the reason."""
    match = LINE.fullmatch(line.rstrip())
    if not match:
        raise ValueError("should be `name: value`, from the first column on")
    return canonical(match["name"]), parse_value(match["value"])


def parse_value(text: str) -> Any:
    """A value as YAML reads it. Raises ValueError for what this part of YAML doesn't have."""
    if text[0] in '"[{':
        value, end = json.JSONDecoder().raw_decode(text)
        if not re.fullmatch(r"(\s+#.*)?", text[end:]):
            raise ValueError(f"there is more than one value: {text[end:].strip()}")
        return value
    word = re.sub(r"\s+#.*", "", text)
    if word in ("true", "false"):
        return word == "true"
    if NUMBER.fullmatch(word):
        return json.loads(word)
    if not WORD.fullmatch(text) or word.lower() in AMBIGUOUS:
        raise ValueError(f'{word} is no single word or number: put it into double quotes, as in "{word}"')
    return word


def overridden(options: Options, given: Options) -> Options:
    """The options with others in their place; one that is given as false or as no value at all is left out."""
    left_out = [name for name, value in given.items() if value is False or value == []]
    return {name: value for name, value in {**options, **given}.items() if name not in left_out}


def variables(prefix: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that begin with a prefix, by the rest of their names in lower case."""
    return {
        name[len(prefix) :].lower(): value
        for name, value in sorted(environment.items())
        if name.startswith(prefix) and name != prefix
    }


def from_variables(prefix: str, environment: Mapping[str, str]) -> Options:
    """The options that variables set, by the rules of the AWS containers."""
    return {name: from_variable(value) for name, value in variables(prefix, environment).items()}


def from_variable(text: str) -> Any:
    """A value by those rules: true or empty is the bare option, false is none, a list is a value for each item."""
    word = text.strip()
    if word.lower() in ("", "true"):
        return True
    if word.lower() == "false":
        return False
    try:
        if word.startswith("["):
            return list(json.loads(word))
        if word.startswith("{"):
            return objects(word)
    except ValueError:
        pass  # no JSON after all
    return text


def objects(text: str) -> list[str]:
    """The JSON objects of `{...} {...}`, each as it was written. Raises ValueError where it is something else."""
    found = []
    while text:
        _, end = json.JSONDecoder().raw_decode(text)
        found.append(text[:end])
        text = text[end:].lstrip()
    return found


def canonical(name: str) -> str:
    """An option's name with _ for each -, so that every spelling of it is the same option."""
    return name.replace("-", "_")


def flags(options: Options, separator: str = "-", off: str = "") -> list[str]:
    """Options as words of a command line; `off` stands before the name of a switch that is false, if there is such."""
    words = []
    for name, value in options.items():
        spelled = name.replace("_", separator)
        if value is False:
            words += [f"--{off}{spelled}"] if off else []
        elif value is True:
            words.append(f"--{spelled}")
        elif isinstance(value, list):
            words += [f"--{spelled}", *map(as_text, value)]
        else:
            words += [f"--{spelled}", as_text(value)]
    return words


def as_text(value: Any) -> str:
    """A value as an engine reads it."""
    return value if isinstance(value, str) else json.dumps(value)


def redacted(words: list[str]) -> list[str]:
    """A command line without the secrets in it."""
    before = ["", *words[:-1]]
    return [HIDDEN if SECRET.search(canonical(flag)) else word for flag, word in zip(before, words, strict=True)]
