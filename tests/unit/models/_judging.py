"""What the tests of judges share: questions, and a judge with a ledger of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tamis.models.asking import Asking
from tamis.models.http import HttpJudge
from tamis.protocols import Question

SCHEMA = '{"type":"object","properties":{"rating":{"type":"integer"}},"required":["rating"]}'


def question(text: str = "How good is it?", **more: Any) -> Question:
    return Question((("user", text),), **more)


def questions(count: int, **more: Any) -> list[Question]:
    return [question(f"How good is answer {n}?", **more) for n in range(count)]


def judge_at(server: Any, folder: Path, name: str = "judge", **asking: Any) -> HttpJudge:
    """A judge on a server, whose ledger lies in the folder."""
    settings = {"timeout": 5.0, "ledger": folder / "replies.sqlite", **asking}
    return HttpJudge.named(f"{name}@{server.url}", Asking(**settings))
