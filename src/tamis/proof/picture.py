"""The differences from random rows as a picture: a point and its 95 % interval for every arm."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isfinite

from tamis.proof.table import Line

WIDTH, LEFT, STEP, TOP = 900, 430, 24, 54
COLOURS = {"method": "#1b6ca8", "better": "#1a7f37", "worse": "#b42318"}
GREY = "#777"


def picture(lines: Sequence[Line]) -> str:
    """An SVG; arms without a difference from random rows are not in it."""
    shown = [line for line in lines if line.against_random is not None]
    parts = []
    height = TOP
    for measure in dict.fromkeys(line.measure for line in shown):
        mine = [line for line in shown if line.measure == measure]
        parts.append(_panel(measure, mine, height))
        height += TOP + STEP * len(mine) + 20
    body = "\n".join(parts) or f'<text x="20" y="{TOP}">nothing to compare yet</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _panel(measure: str, lines: Sequence[Line], top: int) -> str:
    ends = [end for line in lines for end in _ends(line) if isfinite(end)]
    reach = max([abs(end) for end in ends] or [1.0]) or 1.0
    room = (WIDTH - LEFT - 30) / 2
    middle = LEFT + room

    def x(value: float) -> float:
        return middle + value / reach * room

    bottom = top + STEP * len(lines)
    parts = [
        f'<text x="20" y="{top - 24}" font-weight="bold">{escape(measure)}: '
        "difference from random rows, higher is better</text>",
        f'<line x1="{middle}" y1="{top - 12}" x2="{middle}" y2="{bottom}" stroke="{GREY}" '
        'stroke-dasharray="3 3"/>',
    ]
    parts += [
        f'<text x="{x(value):.1f}" y="{bottom + 14}" fill="{GREY}" text-anchor="middle">'
        f"{text}</text>"
        for value, text in ((-reach, f"{-reach:+.3g}"), (0.0, "0"), (reach, f"{reach:+.3g}"))
    ]
    for at, line in enumerate(lines):
        parts.append(_arm(line, top + STEP * at + STEP / 2, x))
    return "\n".join(parts)


def _ends(line: Line) -> tuple[float, float, float]:
    assert line.against_random is not None
    one = line.against_random.difference
    return one.low, one.value, one.high


def _arm(line: Line, y: float, x: object) -> str:
    assert callable(x)
    low, value, high = _ends(line)
    name = line.arm.label
    name = name if len(name) <= 62 else name[:40] + " ... " + name[-17:]
    said = line.verdict.said.partition(" ")[0] if line.verdict else ""
    colour = COLOURS.get(said, COLOURS["method"] if line.verdict else GREY)
    parts = [f'<text x="{LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{escape(name)}</text>']
    if isfinite(low) and isfinite(high):
        parts.append(
            f'<line x1="{x(low):.1f}" y1="{y:.1f}" x2="{x(high):.1f}" y2="{y:.1f}" '
            f'stroke="{colour}" stroke-width="2"/>'
        )
    if isfinite(value):
        parts.append(f'<circle cx="{x(value):.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
    return "\n".join(parts)
