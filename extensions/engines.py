"""Jinja filters for the inference engines of generative models: their images and their options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, pass_environment
from jinja2.ext import Extension

Row = Mapping[str, Any]

OFF = ("", "none", False)  # the answers with which an engine is left as it is
COPIES = ("pipeline_parallel", "data_parallel")  # those that are left out where there is one


class Engines(Extension):
    """Adds the filters below."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        for filter_ in (image_name, engine_settings, with_features, option_problem):
            environment.filters[filter_.__name__] = filter_


def image_name(engine: Row, region: str, regions: Mapping[str, Row], architecture: str = "x86_64") -> str:
    """The name of the image that an engine's container is built on, in a region; empty for a row without an image."""
    if "image" not in engine:
        return ""
    image = engine["image"]
    registry = image["registry"] % {"region": region, **regions[region]}
    digest = f"@{image['digest']}" if image["digest"] else ""
    repository = image.get(f"repository_{architecture}", image["repository"])
    return f"{registry}/{repository}:{image['tag']}{digest}"


def engine_settings(engine: Row, name: str, profile: Row, task: Row, **answers: Any) -> dict[str, Any]:
    """The options of the engine `name`, with their values, that follow from its profile, its task and the answers.

    An engine that divides its context among slots gets as much for each of them. An answer goes before the profile.
    """
    settings: dict[str, Any] = {}
    if slots := profile["settings"].get(name, {}).get(engine.get("slots")):
        answers["max_model_len"] *= slots
    for answer, options in engine.get("settings", {}).items():
        if answers[answer] not in OFF and not (answer in COPIES and answers[answer] == 1):
            settings |= {option: answers[answer] if value is None else value for option, value in options.items()}
    return {**settings, **profile["settings"].get(name, {}), **settings, **task["settings"].get(name, {})}


def with_features(
    settings: dict[str, Any], features: Mapping[str, Mapping[str, Row]], name: str, draft_model: str, **answers: str
) -> dict[str, Any]:
    """These options of the engine `name`, and those of the choices in engine_features.yml that were made."""
    found = dict(settings)
    for feature, choice in answers.items():
        row = features[feature][choice]
        tokens = row.get("draft_tokens", 0)
        values = {"$draft_model": draft_model, "$draft_tokens": tokens, "$verified_tokens": tokens + 1}
        for option, value in row["settings"].get(name, {}).items():
            given = filled(value, values)
            found[option] = {**found.get(option, {}), **given} if isinstance(given, dict) else given
    return found


def filled(value: Any, values: Row) -> Any:
    """An option's value with the placeholders in it filled in."""
    if isinstance(value, dict):
        return {key: filled(part, values) for key, part in value.items()}
    return values.get(value, value) if isinstance(value, str) else value


@pass_environment
def option_problem(environment: Environment, value: str, options: Row, known: Row) -> str:
    """Why an engine doesn't take an answer for one of these options; empty where it does, or where nobody knows."""
    (option,) = (option for option, fixed in options.items() if fixed is None)
    choices = known["choices"].get(option, [value])
    if value in choices:
        return ""
    hint = environment.filters["did_you_mean"](value, choices) or f": choose {', '.join(choices)}"
    return f"the engine doesn't have it{hint}"
