"""Writes docs/methods.md from the methods themselves: `python tools/methods_page.py`."""

from __future__ import annotations

import inspect
from pathlib import Path

from tamis.registry import specs
from tamis.spec import Spec

PAGE = Path(__file__).parents[1] / "docs" / "methods.md"
TITLES = {
    "score": "Scorers",
    "select": "Selectors",
    "recipe": "Recipes",
    "measure": "Measures",
}


def default(value: object) -> str:
    if value is inspect.Parameter.empty:
        return "required"
    return f"`{value}`" if value != "" else "none"


def entry(spec: Spec) -> str:
    about = [spec.family, f"version {spec.version}"]
    about += [f"prefers {spec.prefer}"] if spec.prefer != "none" else []
    about += [text for text in (spec.unit, spec.paper) if text]
    about += [f"needs {', '.join(spec.needs)}"] if spec.needs else []
    lines = [f"### {spec.name}", "", f"{spec.summary} *{'; '.join(about)}*", ""]
    lines += ["```text", spec.card, "```", ""]
    if spec.params:
        lines += ["| parameter | type | default | |", "|---|---|---|---|"]
    for p in spec.params.values():
        kind = p.type_name.replace("|", " \\| ")
        lines.append(f"| {p.name} | {kind} | {default(p.default)} | {p.help} |")
    return "\n".join(lines).rstrip() + "\n"


def page() -> str:
    parts = [
        "# Methods\n",
        "Made from the methods by `tools/methods_page.py`; `tamis methods NAME` shows the same.\n",
    ]
    for kind, title in TITLES.items():
        parts += [f"## {title}\n", *(entry(spec) for spec in specs((kind,)))]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
