"""Judges of two answers that follow a rule."""

from tamis.protocols import Answer


class Rule:
    """A judge with a rule: (first answer, second answer) -> its reply."""

    def __init__(self, rule, name="rule"):
        self.rule, self.id, self.asked = rule, name, []

    def ask(self, questions):
        self.asked.extend(questions)
        found = []
        for question in questions:
            said = self.rule(*answers(question.messages))
            found.append(said if isinstance(said, Answer) else Answer(said))
        return found


def answers(messages):
    """The two answers that a question shows."""
    text = next(text for role, text in messages if role == "user")
    return tuple(
        text.split(f"[{place} answer ", 1)[1]
        .split(" begins]\n", 1)[1]
        .split(f"\n[{place} answer ")[0]
        for place in ("first", "second")
    )


def longer(first, second):
    """Prefers the longer answer."""
    return f"Reasons.\nScore: {min(len(first), 10)}, {min(len(second), 10)}"
