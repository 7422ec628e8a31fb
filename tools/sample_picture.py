"""Draws docs/sample.svg: the rows of the sample on a plane, and those that the default picks.

    python tools/sample_picture.py

The plane is spanned by the two directions in which the rows' vectors differ most.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

import tamis
from tamis.run.session import Run

ROOT = Path(__file__).parents[1]
WIDTH, HEIGHT, EDGE = 820, 420, 24
# Okabe and Ito's colours: told apart by colour-blind readers
COLOURS = {
    "self_instruct": "#0072B2",
    "gpteacher": "#D55E00",
    "gsm8k": "#009E73",
    "belle": "#CC79A7",
    "oasst_zh": "#E69F00",
}
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #333 } .ground { fill: #fff }
.row { opacity: .22 } .picked { stroke: #111; stroke-width: 1.1 }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .ground { fill: #16181d } .picked { stroke: #fff } .row { opacity: .35 }
}
"""


def place(vectors: np.ndarray) -> np.ndarray:
    """Positions in the picture, from the first two principal components."""
    centred = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    flat = centred @ directions[:, [-1, -2]]
    low, high = np.quantile(flat, [0.002, 0.998], axis=0)
    inside = np.clip((flat - low) / (high - low), 0, 1)
    return inside * [WIDTH - 2 * EDGE, HEIGHT - 3 * EDGE] + [EDGE, EDGE]


def main() -> None:
    sample = ROOT / "src/tamis/assets/sample/sample.jsonl"
    rows = [json.loads(line) for line in sample.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as store:
        run = Run(store=store)
        data = tamis.read(str(sample))
        picked = tamis.select(data, budget="5%", run=run)
        vectors = np.nan_to_num(run.score(data, ["embedding"]).vectors("embedding"))
    where = place(vectors)
    chosen = set(picked.selection.rows.tolist())
    dots = []
    for i, (x, y) in enumerate(where):
        if i not in chosen:
            colour = COLOURS[rows[i]["source"]]
            dots.append(f'<circle class="row" cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{colour}"/>')
    for i in sorted(chosen):
        x, y = where[i]
        colour = COLOURS[rows[i]["source"]]
        dots.append(f'<circle class="picked" cx="{x:.0f}" cy="{y:.0f}" r="5" fill="{colour}"/>')
    legend, at = [], EDGE
    for name, colour in COLOURS.items():
        kept = sum(rows[i]["source"] == name for i in chosen)
        label = f"{name} {kept}/{sum(r['source'] == name for r in rows)}"
        legend.append(f'<circle cx="{at}" cy="{HEIGHT - 18}" r="5" fill="{colour}"/>')
        legend.append(f'<text x="{at + 10}" y="{HEIGHT - 13}">{label}</text>')
        at += 160
    text = "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            "<title>Rows of the sample; those that the default method picks are ringed</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>',
            *dots,
            *legend,
            "</svg>\n",
        ]
    )
    (ROOT / "docs/sample.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
