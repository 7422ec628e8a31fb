"""What a language model says of a passage, in float64, one text at a time, with all its logits.

Slow and obviously right: nothing is packed, padded, merged or cut.
"""

import numpy as np


class Slow:
    """The library's own forward pass, text by text."""

    def __init__(self, folder):
        import torch
        from transformers import AutoModelForCausalLM

        self.model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float64, attn_implementation="eager"
        ).eval()

    def read(self, passage):
        """(tokens, states, options) as Reading has them."""
        import torch

        ids = torch.from_numpy(passage.ids)[None]
        given = {"input_ids": ids}
        if passage.noise:
            given = {"inputs_embeds": self._noisy(ids, passage.noise)}
        with torch.no_grad():
            out = self.model(**given, output_hidden_states=True, use_cache=False)
        logs = out.logits[0].log_softmax(-1).numpy()
        hidden = out.hidden_states[-1][0].numpy()
        tokens = {"loss": [], "entropy": [], "el2n": []}
        for start, stop in passage.spans:
            for at in range(start, stop):
                log = logs[at - 1]
                right = np.zeros(len(log))
                right[passage.ids[at]] = 1
                tokens["loss"].append(-log[passage.ids[at]])
                tokens["entropy"].append(-sum(np.exp(log) * log))
                tokens["el2n"].append(np.linalg.norm(np.exp(log) - right))
        n = len(hidden)
        states = {
            "last": hidden[-1],
            "mean": sum(hidden) / n,
            "weighted": sum((i + 1) * hidden[i] for i in range(n)) / sum(range(1, n + 1)),
        }
        return tokens, states, logs[-1][list(passage.options)]

    def _noisy(self, ids, noise):
        vectors = self.model.get_input_embeddings()(ids)
        width = vectors.shape[-1]
        drawn = np.random.default_rng(noise.seed).uniform(-1, 1, (noise.length, width))
        part = drawn[noise.offset : noise.offset + ids.shape[1]]
        return vectors + vectors.new_tensor(part * noise.alpha / np.sqrt(noise.length * width))
