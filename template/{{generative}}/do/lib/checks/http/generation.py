"""Checks of what an engine without OpenAI's API answers: the generation of Hugging Face transformers."""

from __future__ import annotations

import json

from lib.checks.http.http_client import Client
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check
from lib.checks.results import Mismatch, NotApplicable, Observation, expect


@check
def inputs_are_answered_with_generated_text(client: Client, reference: Reference) -> Observation:
    if reference.task != "generation":
        raise NotApplicable(f"{reference.server} has OpenAI's API")
    response = client.invoke(reference.generation("Hello", 8))
    if response.status_code != 200:
        raise Mismatch("200", f"{response.status_code}: {response.text[:200]}")
    try:
        answer = json.loads(response.content)
    except ValueError:
        answer = None
    first = answer[0] if isinstance(answer, list) and answer else answer
    text = first.get("generated_text") if isinstance(first, dict) else None
    return expect(isinstance(text, str), "a generated_text", response.text[:200])
