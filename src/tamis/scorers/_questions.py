"""Questions that are answered with yes or no: data files with marks for what a row puts in.

{question} and {answer} stand for a turn's texts, {end} for the token that ends a text, where a
model was taught to find one between the parts of what it reads.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from tamis.errors import UserError
from tamis.scorers._options import Turn
from tamis.templates import Piece

_MARK = re.compile(r"\{(question|answer)\}")


def stated(given: str) -> str:
    """What a parameter holds: a name stays a name, a file becomes its text."""
    if given in known() or _MARK.search(given):
        return given
    path = Path(given).expanduser()
    if not path.is_file():
        raise UserError(f"no question and no file {given!r}; known: {', '.join(known())}")
    text = path.read_text("utf-8").strip()
    if not _MARK.search(text):
        raise UserError(f"{given}: the question shows {{question}}, {{answer}} or both")
    return text


Asked = Annotated[str, AfterValidator(stated)]
"""A parameter of this type names a question of the package or a file, or is a text with marks."""


def known() -> list[str]:
    """The names of the questions in the package."""
    folder = files("tamis").joinpath("assets/questions")
    return sorted(file.name.removesuffix(".txt") for file in folder.iterdir())


def text_of(given: str) -> str:
    """The words of a checked parameter."""
    if given not in known():
        return given
    return files("tamis").joinpath(f"assets/questions/{given}.txt").read_text("utf-8").strip()


def shown(text: str) -> set[str]:
    """Which parts of a turn the question shows."""
    return set(_MARK.findall(text))


def pieces(text: str, turn: Turn) -> list[Piece]:
    """The question about a turn: what a row says is text, whatever it looks like."""
    parts = _MARK.split(text)
    found = [
        Piece(turn[part], "text") if at % 2 else Piece(part, "markup")
        for at, part in enumerate(parts)
    ]
    return [piece for piece in found if piece.text]
