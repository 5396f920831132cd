"""Messages at a prompt make their point before a terminal of 80 columns cuts them.

Copier writes `Validation error for question 'instance_type': ` in front of a message: 30 characters are left, or a
few more.
"""

from __future__ import annotations

import re

import pytest

from extensions.combinations import CHECKS, values
from tests.questions.test_each_question import BAD, NEEDED, QUESTIONS
from tests.repository.test_answers_schema import LEFT_TO_COPIER

COLUMNS = 30

# What may follow the point of a message: where to get more, or why.
CLAUSE_ENDS = re.compile(r"[,:;(]| - | such as |$")

# What a user could type at a prompt that doesn't show choices.
TYPED = [name for name, question in QUESTIONS.items() if question["type"] == "str" and "choices" not in question]
TYPED_WRONG = [
    (name, value) for name, bad in BAD for value in bad if name in TYPED and value not in LEFT_TO_COPIER.get(name, [])
]


def literal_messages() -> list[str]:
    """The messages that validators have in their text, with a short word for each expression in them."""
    validators = "{% %}".join(question.get("validator", "") for question in QUESTIONS.values())
    texts = [" ".join(text.split()) for text in re.split(r"{%.*?%}", validators, flags=re.DOTALL)]
    own = [text for text in texts if re.sub(r"{{.*?}}", "", text)]  # not what a filter says
    suggesting_nothing = [re.sub(r"{{[^}]*did_you_mean.*?}}", "", text) for text in own]
    return [re.sub(r"{{.*?}}", "xgboost", text) for text in suggesting_nothing]


def point(message: str) -> str:
    """What a message says first."""
    end = CLAUSE_ENDS.search(message)
    assert end
    return message[: end.start()].strip()


def test_there_are_messages_to_read() -> None:
    assert len(literal_messages()) > 20


@pytest.mark.parametrize("message", literal_messages())
def test_a_message_of_a_question_makes_its_point_at_once(message: str) -> None:
    assert 0 < len(point(message)) <= COLUMNS, message


@pytest.mark.parametrize(("name", "value"), TYPED_WRONG)
def test_a_refusal_makes_its_point_at_once(name: str, value: str) -> None:
    message = CHECKS.problem(name, value, values(NEEDED.get(name, {})))

    assert 0 < len(point(message)) <= COLUMNS, message
