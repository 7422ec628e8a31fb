"""A judge with a rule that nobody is told, and a pool whose rows obey it.

A request is as hard as it has conditions, an answer as good as it has reasons. Both are padded with
text that counts for nothing, so that length says little.
"""

from __future__ import annotations

import hashlib
import random

from _answering import quoted

from tamis.protocols import Question

CONDITIONS = [
    "Use at most fifty words.",
    "Leave out the letter z.",
    "Put the result in a table.",
    "Compare it with one alternative.",
    "Give a figure for every claim.",
    "Address a reader of ten years.",
    "End with a question.",
    "Name two exceptions.",
]
REASONS = [
    "This holds because the parts depend on each other.",
    "For example, a bridge carries more at its piers.",
    "The reason is that heat moves to the colder side.",
    "As a consequence, the second step is quicker.",
    "It follows from the first point.",
    "An exception is a very small sample.",
    "In contrast, the older way needs three tools.",
    "Measured over a year, the difference is four percent.",
]
TOPICS = ["rivers", "bread", "engines", "maps", "tax", "poems", "bees", "glass", "trade", "sleep"]
PADDING = [
    "It was a mild day and nothing much happened in the town.",
    "My neighbour told me about it some time ago.",
    "There is a shop on the corner that sells many things.",
    "We talked for a while and then went home.",
    "The weather has been changing a lot this month.",
]


def conditions(text: str) -> int:
    return sum(one in text for one in CONDITIONS)


def reasons(text: str) -> int:
    return sum(one in text for one in REASONS)


def judge_by_rule(question: Question) -> str:
    """Adds one condition or reason; rates variants by how many they have."""
    texts = quoted(question)
    variants = [text for name, text in texts.items() if name.startswith("variant")]
    count = reasons if "question" in texts else conditions
    if variants:
        return f"Compared.\nRatings: {', '.join(str(1 + min(count(v), 5)) for v in variants)}"
    text = texts.get("answer", texts["question"])
    left = [one for one in (REASONS if "answer" in texts else CONDITIONS) if one not in text]
    if not left:
        return text
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return f"{text} {left[int.from_bytes(digest, 'little') % len(left)]}"


def pool(count: int, seed: int = 0) -> list[dict]:
    """Rows with 0 to 4 conditions and reasons, and 0 to 8 sentences of padding on each side."""
    draw = random.Random(seed)

    def side(start: str, sentences: list[str]) -> str:
        padding = [draw.choice(PADDING) for _ in range(draw.randint(0, 8))]
        return " ".join([start, *padding, *draw.sample(sentences, draw.randint(0, 4))])

    rows = []
    for number in range(count):
        topic = draw.choice(TOPICS)
        asked = side(f"Tell me about {topic}, case {number}.", CONDITIONS)
        said = side(f"About {topic}: it is an old craft.", REASONS)
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
        rows.append({"messages": turns})
    return rows
