"""A model with one number as its output, taught numbers or which of two answers is better.

regression   the mean of (output - number)^2
pairs        the mean of -log sigmoid(output of the better answer - output of the worse one)

What it reads of a question and an answer is decided where rewards are read (models/reward.py), so
that a text is the same to it when it is taught and when it scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tamis.errors import UserError
from tamis.models._graders import filled
from tamis.models._quiet import quiet
from tamis.models.hub import weights
from tamis.models.reward import RewardModel, Shown
from tamis.training.teach_rows import Example
from tamis.types import Floats, Ints


class Scorer:
    """A classifier with one output that is taught, and the reader that shows it its texts.

    Args:
        name: an encoder, or a causal language model; a head that it lacks is drawn from the seed
        most: tokens of a text, at most the model's own limit
        seed: decides new weights
    """

    def __init__(self, name: str, most: int, seed: int) -> None:
        self.reader = RewardModel(name, device="cpu")
        self.model, self.new = _classifier(self.reader, seed)
        self.reader.model = self.model
        self.reader.longest = min(self.reader.longest, most)
        own = self.reader.text.tokenizer
        filler = (self.model.config.pad_token_id, own.pad_token_id, own.eos_token_id)
        self.filler = next((int(token) for token in filler if token is not None), 0)
        self.model.config.get_text_config().pad_token_id = self.filler
        self.reader.text.config.get_text_config().pad_token_id = self.filler

    def shown(self, one: Example) -> list[Shown] | None:
        """The answers of an example as tokens; None where one of them has no room."""
        found = self.reader.shown([(one.question, answer) for answer in one.answers])
        there = [text for text in found if text is not None]
        return there if len(there) == len(found) else None

    def outputs(self, texts: Sequence[Shown]) -> torch.Tensor:
        """The model's number for each text, as one batch."""
        device = next(self.model.parameters()).device
        ids, mask = filled([text.ids for text in texts], self.filler)
        given = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self.reader.text.tokenizer.model_input_names:
            given["token_type_ids"], _ = filled([text.kinds for text in texts], 0)
        handed = {name: torch.from_numpy(value).to(device) for name, value in given.items()}
        found: torch.Tensor = self.model(**handed).logits[:, 0]
        return found

    def scores(self, examples: Sequence[Example]) -> Floats:
        """The number of each answer of each example, as the reward of it is read."""
        self.reader.device = str(next(self.model.parameters()).device)
        pairs = [(one.question, answer) for one in examples for answer in one.answers]
        return self.reader.reward(pairs)

    def save(self, folder: Any) -> None:
        """Writes the model as the library does; its tokenizer says how long its texts are."""
        with quiet():
            self.model.save_pretrained(folder)
        tokenizer = self.reader.text.tokenizer
        tokenizer.model_max_length = self.reader.longest
        tokenizer.save_pretrained(folder)


class ScoreTask:
    """Answers with numbers, or better and worse answers, and what a classifier loses on them."""

    def __init__(self, scorer: Scorer, examples: Sequence[Example]) -> None:
        self.scorer, self.model = scorer, scorer.model
        self.texts, self.examples = [], []
        for one in examples:
            texts = scorer.shown(one)
            if texts is not None:
                self.texts.append(texts)
                self.examples.append(one)
        self.keys = [one.key for one in self.examples]
        self.lengths: Ints = np.array(
            [max(len(text.ids) for text in texts) for texts in self.texts], np.int64
        )

    def loss(self, places: Sequence[int]) -> torch.Tensor:
        """The loss of some examples, all of one kind."""
        found = self.scorer.outputs([text for at in places for text in self.texts[at]])
        if len(self.texts[places[0]]) == 2:
            better, worse = found.reshape(-1, 2).T
            return -torch.nn.functional.logsigmoid(better - worse).mean()
        numbers = torch.tensor([self.examples[at].number for at in places], device=found.device)
        return torch.nn.functional.mse_loss(found, numbers)


def _classifier(reader: RewardModel, seed: int) -> tuple[Any, list[str]]:
    """The model with one output, and the names of its weights that were drawn anew."""
    from transformers import AutoModelForSequenceClassification

    located = reader.text.located
    if located.adapter:
        raise UserError(f"{reader.name} is an adapter: merge it into its model, and name that")
    torch.manual_seed(seed)
    try:
        with quiet():
            model, told = AutoModelForSequenceClassification.from_pretrained(
                weights(located),
                num_labels=1,
                dtype=torch.float32,
                local_files_only=True,
                ignore_mismatched_sizes=True,  # a head of another number of outputs
                output_loading_info=True,
            )
    except UserError:
        raise
    except Exception as error:  # the library raises many kinds; all mean the same to the user
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{reader.name} cannot be taught to score: {reason}") from error
    other = [str(key[0] if isinstance(key, tuple) else key) for key in told["mismatched_keys"]]
    return model, sorted({*told["missing_keys"], *other})
