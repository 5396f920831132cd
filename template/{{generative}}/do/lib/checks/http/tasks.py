"""Checks of the tasks beside chat and completions: vectors, scores, pictures and recordings."""

from __future__ import annotations

from typing import Any

from lib.checks.http import samples
from lib.checks.http.chat import first_choice
from lib.checks.http.http_client import Client, document_of
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check
from lib.checks.results import Observation, expect

TEXTS = ["Hello", "The weather is fine today.", "Hello"]
ALIKE = 1e-3  # of the numbers of one text in two places of a batch


@check
def texts_become_vectors_of_one_length_in_their_order(client: Client, reference: Reference) -> Observation:
    reference.requires("embeddings")
    vectors = vectors_of(document_of(client.invoke(reference.embedding(TEXTS))))
    lengths = {len(vector) for vector in vectors}
    return expect(
        len(vectors) == len(TEXTS) and len(lengths) == 1 and lengths != {0},
        f"{len(TEXTS)} vectors of one length",
        f"{len(vectors)} vectors of {sorted(lengths)} numbers",
    )


@check
def the_same_text_has_the_same_vector_and_another_text_another(client: Client, reference: Reference) -> Observation:
    reference.requires("embeddings")
    vectors = vectors_of(document_of(client.invoke(reference.embedding(TEXTS))))
    if len(vectors) != len(TEXTS):
        return expect(False, f"{len(TEXTS)} vectors", str(len(vectors)))
    first, other, same = vectors
    apart = [max(abs(a - b) for a, b in zip(first, second, strict=True)) for second in (same, other)]
    return expect(
        apart[0] < ALIKE < apart[1],
        f"numbers that differ by less than {ALIKE} for the same text, and by more for another",
        f"by {apart[0]:.4f} and {apart[1]:.4f}",
    )


@check
def each_document_gets_a_score(client: Client, reference: Reference) -> Observation:
    reference.requires("rerank")
    documents = ["It rains.", "Paris is the capital of France.", "Bread is made of flour."]
    answer = document_of(client.invoke(reference.ranking("What is the capital of France?", documents)))
    results = answer.get("results") or []
    scores = {row.get("index"): row.get("relevance_score") for row in results if isinstance(row, dict)}
    return expect(
        scores.keys() == {0, 1, 2} and all(isinstance(score, float | int) for score in scores.values()),
        "a relevance_score for each index",
        str(results)[:200],
    )


@check
def a_message_with_an_image_is_answered(client: Client, reference: Reference) -> Observation:
    reference.requires("images")
    content = [{"type": "text", "text": "What is this?"}, samples.as_part(samples.picture())]
    body = {**reference.named, "messages": [{"role": "user", "content": content}], "max_tokens": 8}
    answer = document_of(client.invoke(body))
    return expect(bool(first_choice(answer)), "an answer", str(answer)[:200])


@check
def a_recording_is_transcribed(client: Client, reference: Reference) -> Observation:
    reference.requires("transcriptions")
    body, content_type = reference.sound
    answer = document_of(client.invoke(body, content_type=content_type))
    return expect(isinstance(answer.get("text"), str), "a text", str(answer)[:200])


def vectors_of(answer: dict[str, Any]) -> list[list[float]]:
    """The vectors of an answer, in the order of the texts."""
    rows = [row for row in answer.get("data") or [] if isinstance(row, dict)]
    return [[*row.get("embedding", [])] for row in sorted(rows, key=lambda row: int(row.get("index", 0)))]
