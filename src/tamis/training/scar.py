"""How SCAR's style ranker is taught: answers of three kinds to one question, the same in each.

Loss: the mean over counting pairs of max(0, margin - (s(a) - s(b))), added up over (direct,
referenced), (referenced, human) and (direct, human); plus, over questions all of whose pairs count,
triplet_weight times the mean of two triplet losses max(0, d(anchor, positive) - d(anchor, negative)
+ triplet_margin) with Euclidean d: of creativity with anchor referenced, positive human, negative
direct; of presentation with anchor direct, positive referenced, negative human. So content is near
that of the human's answer, whose words the referenced one repeats, and form is near the model's.
Settings of the official code (arXiv:2406.10882): margin 0.5, triplet margin 1, weight 0.1, gradient
clip 1, AdamW at 2e-5 with 10 % of the updates to rise, 10 epochs, 4 questions an update, texts of
512 tokens, layers 1,024 wide, gte-base or RoBERTa-base; pairs count where both answers have a
quality above 5 and below 10, the mean of helpful and correct by a judge.
Official code keeps the epoch that is best on a tenth kept for that; here the last one is kept, so
that what is kept aside has decided nothing.
Oracle: the losses by hand in numpy; methods.md section 6.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tamis.models.scar import Style, StyleRanker, inputs
from tamis.training.teach_rows import KINDS, ORDERS, Example
from tamis.training.teaching import Teaching


class ScarTask:
    """Questions with three answers each, and what a ranker loses on them."""

    def __init__(
        self, ranker: StyleRanker, tokenizer: Any, examples: Sequence[Example], teaching: Teaching
    ) -> None:
        self.model, self.tokenizer, self.teaching = ranker, tokenizer, teaching
        self.examples = examples
        self.keys = [one.key for one in examples]
        self.lengths = np.array([max(map(len, one.answers)) for one in examples], np.int64)

    def loss(self, places: Sequence[int]) -> torch.Tensor:
        """The loss of some questions."""
        some = [self.examples[at] for at in places]
        styles = self.styles(some)
        counts = torch.tensor([one.counts for one in some], device=styles[0].score.device)
        return scar_loss(styles, counts, self.teaching)

    def styles(self, some: Sequence[Example]) -> list[Style]:
        """What the ranker makes of the answers, kind by kind; a question is read with each."""
        device = next(self.model.parameters()).device
        most = self.teaching.max_length
        asked = inputs(self.tokenizer, [one.question for one in some], most, device)
        found = []
        for kind in range(len(KINDS)):
            texts = [one.answers[kind] for one in some]
            found.append(self.model(asked, inputs(self.tokenizer, texts, most, device)))
        return found

    def scores(self, some: Sequence[Example], size: int = 16) -> Any:
        """The scores of the three answers to each question, shape (questions, kinds)."""
        found = np.empty((len(some), len(KINDS)))
        with torch.inference_mode():
            for at in range(0, len(some), size):
                styles = self.styles(some[at : at + size])
                found[at : at + size] = torch.stack([s.score for s in styles], 1).cpu().numpy()
        return found


def scar_loss(styles: Sequence[Style], counts: torch.Tensor, teaching: Teaching) -> torch.Tensor:
    """The margin losses of the pairs that count, and the triplet losses of the questions that do.

    `styles` stands in the order of KINDS, `counts` is shaped (questions, ORDERS).
    """
    total = styles[0].score.new_zeros(())
    for (above, below), count in zip(ORDERS, counts.T, strict=True):
        if count.any():
            gap = styles[above].score[count] - styles[below].score[count]
            total = total + torch.relu(teaching.margin - gap).mean()
    every = counts.all(dim=1)
    if every.any():
        direct, referenced, human = styles
        triplet = torch.nn.TripletMarginLoss(margin=teaching.triplet_margin, p=2)
        creativity = triplet(*(s.creativity[every] for s in (referenced, human, direct)))
        presentation = triplet(*(s.presentation[every] for s in (direct, referenced, human)))
        total = total + teaching.triplet_weight * (creativity + presentation) / 2
    return total
