"""How methods are written down: references with parameters, and arguments in docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tamis.errors import UserError


@dataclass(frozen=True, slots=True)
class Reference:
    """A method with parameters as a person writes it: `mtld(of=response, threshold=0.72)`."""

    method: str
    params: Mapping[str, Any]

    def __str__(self) -> str:
        inside = ",".join(
            f"{name}={_written(value)}" for name, value in sorted(self.params.items())
        )
        return f"{self.method}({inside})" if inside else self.method


def _written(value: Any) -> str:
    return "[" + ",".join(map(str, value)) + "]" if isinstance(value, list | tuple) else str(value)


def parse(text: str) -> Reference:
    """`name`, `name(key=value, ...)` or `./file.py:function(key=value)`; lists are `[a,b]`."""
    if without_secrets(text) != text:  # it is the name of a column, and stands in files
        raise UserError(
            "a method with an address in it is written down with its scores, so no user, password "
            "or key may stand there: give the address without what is before @ and after ? "
            "(api-version may stay), and the key in an environment variable, NAME@URL#VARIABLE"
        )
    found = re.fullmatch(r"\s*([^()=,]+?\.py:\w+|[\w\-./]+)\s*(?:\((.*)\))?\s*", text, re.S)
    if not found:
        raise UserError(f"{text!r} is not a method: write name or name(parameter=value)")
    method, inside = found.groups()
    params: dict[str, Any] = {}
    for part in split_list(inside or ""):
        name, equals, value = part.partition("=")
        if not equals:
            raise UserError(f"in {text!r}, {part!r} has no value: write {part}=...")
        if name.strip() in params:
            raise UserError(f"in {text!r}, {name.strip()!r} is given twice")
        value = value.strip()
        listed = value.startswith("[") and value.endswith("]")
        params[name.strip()] = split_list(value[1:-1]) if listed else value
    return Reference(method, params)


def without_secrets(text: str) -> str:
    """A text without what can open a server: in addresses, users and passwords, and queries.

    Of what follows `?` only an api-version stays.
    """
    text = re.sub(r"(?<=://)[^/?#\s,]*@", "", text)

    def kept(query: re.Match[str]) -> str:
        parts = [part for part in query[2].split("&") if part.startswith("api-version=")]
        return query[1] + ("?" + "&".join(parts) if parts else "")

    return re.sub(r"(://[^?#\s,)\]]*)\?([^#\s,)\]]*)", kept, text)


def split_list(text: str) -> list[str]:
    """`length,mtld(of=response,threshold=0.7)` -> two references: commas inside brackets stay."""
    parts, depth, current = [], 0, ""
    for char in text:
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += char
    return [part for part in [*parts, current.strip()] if part]


def argument_help(function: Callable[..., Any]) -> dict[str, str]:
    """The `Args:` section of a docstring, by argument."""
    lines = (inspect.getdoc(function) or "").split("\n")
    found: dict[str, str] = {}
    current = ""
    inside = False
    for line in lines:
        if line.strip() == "Args:":
            inside = True
        elif inside and line and not line.startswith(" "):
            inside = False
        elif inside and line.startswith("    ") and not line.startswith("     ") and ":" in line:
            current, _, text = line.strip().partition(":")
            found[current] = text.strip()
        elif inside and current and line.strip():
            found[current] += " " + line.strip()
    return found
