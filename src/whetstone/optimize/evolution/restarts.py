"""Fresh prompts: written from the goal and example rows, without a look at the present text.

Edits of a bad prompt stay near it (VISTA, arXiv 2603.18388, saw them make matters worse), so a search that does not
get on begins anew beside what it has.
"""

from __future__ import annotations

from collections.abc import Sequence

from whetstone.lm.types import ChatRequest
from whetstone.optimize.engine.guards import placeholders
from whetstone.optimize.engine.program import PROMPT, Candidate
from whetstone.optimize.engine.reflection import reflection_request, show_example
from whetstone.optimize.engine.tokens import CHARACTERS_PER_TOKEN
from whetstone.optimize.evolution.mutation import answer_tokens, rules
from whetstone.optimize.rows.examples import Example

_ROW_CHARACTERS = 1200
_FEWEST_ROW_CHARACTERS = 160
_FIXED_CHARACTERS = 1600


def fresh_request(
    goal: str, start: Candidate, rows: Sequence[Example], room: int, repeat: int
) -> ChatRequest:
    """The question for a new system prompt; of `start` only the placeholders are told."""
    answer = answer_tokens("", room)
    left = int((room - answer) * CHARACTERS_PER_TOKEN) - _FIXED_CHARACTERS
    shown = rows[: max(1, left // _FEWEST_ROW_CHARACTERS)]
    size = max(min(left // max(len(shown), 1), _ROW_CHARACTERS), _FEWEST_ROW_CHARACTERS)
    examples = "\n\n".join(
        f"Example {number}\n{show_example(row, None, size)}" for number, row in enumerate(shown, start=1)
    )
    text = start.texts()[PROMPT]
    use = " The placeholders are filled in before the agent reads it." if placeholders(text) else ""
    question = (
        f"Write the system prompt of an agent from scratch.{use} {goal}\n\n"
        f"Inputs and their right answers:\n\n{examples}\n\n"
        "Find out from the examples what the task is, which rules decide, and what form an answer has. Then write a "
        "prompt that tells an agent who sees none of the examples how to answer.\n"
        f"{rules([text])}\n\n"
        "Answer in this form:\nHypothesis: <what the task is, in one or two sentences>\n"
        "```\n<the whole prompt>\n```"
    )
    return reflection_request(question, answer_tokens=answer, repeat=repeat)
