"""Settings as YAML, for programs that are configured by it; nothing here reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any


def as_yaml(said: Mapping[str, Any], header: Iterable[str] = ()) -> str:
    """Settings as YAML: JSON texts are YAML texts, but for numbers like 2e-05."""
    lines = [f"# {line}" for line in header]
    for name, value in said.items():
        lines += _lines(name, value)
    return "\n".join(lines) + "\n"


def _lines(name: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{name}:", *("  " + line for k, v in value.items() for line in _lines(k, v))]
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        found = [f"{name}:"]
        for one in value:
            first, *rest = [line for k, v in one.items() for line in _lines(k, v)]
            found += [f"  - {first}", *("    " + line for line in rest)]
        return found
    return [f"{name}: {_scalar(value)}"]


def _scalar(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")  # else it is read as a text
    return text
