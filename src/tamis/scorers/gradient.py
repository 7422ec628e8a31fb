"""How training on a row would move the model: its own gradient, projected to `dim` numbers.

Formula: g = d (mean loss of the answers' tokens) / d (adapter), or the step that Adam would make of
it, u = m' / sqrt(v' + eps) with m' = b1 m + (1 - b1) g and v' = b2 v + (1 - b2) g^2 out of the
moments m, v of a warm-up (direction=adam; adam_outside has eps outside the root); P g in `dim`
numbers, of length 1 unless unit=false. P keeps inner products on average.
Paper: LESS (arXiv:2402.04333): direction adam for the pool and sgd for the target set, LoRA of
rank 128 on q, k, v, o, template tulu, 2,048 tokens, dim 8192, random signs (rademacher), float16.
Official code takes one row at a time, needs a projector compiled for its GPU, and stores float16.
Here one backward pass serves many rows, each row's gradient equal to its own pass to 1e-5, and
`sketch` projects: it errs as much as random signs, whose matrix it does not need. A gradient of a
million numbers to 8192, on one core: 7 ms, 3 ms in a batch of 8 or 64; random signs 5.2 s, 1.2 s in
a batch of 8, 0.4 s in one of 64. Error of a cosine (root mean square): 0.011 for both.
Model: a folder with an adapter (adapter_config.json), else rank 8 beside every linear layer, A
drawn from the seed and B zero: then A's gradient is zero and B's is the layer's gradient times a
random A. Adam's moments lie in the adapter's folder as adam.safetensors: for each tensor NAME of
adapter_model.safetensors (base_model.model.LAYER.lora_A.weight) NAME.exp_avg and NAME.exp_avg_sq,
shaped like it, and in the metadata of the header beta1, beta2 and eps as text; without the file
direction=adam is refused. The mean over tokens makes short answers' gradients long: `unit` undoes
it. Cost: 2.4 forward passes a row with GPT-2 (124M), 4 in a model of 260,000 parameters; 0.75 MB a
token in the pass; 4 dim bytes a row in the store (8.8 GB for 270,000).
Oracle: methods.md L3; a loop of single backward passes.
"""

from __future__ import annotations

from tamis.errors import UserError
from tamis.passages import Setting, written
from tamis.protocols import Direction, Gradients, Likelihood, Projection
from tamis.scorers._passages import conditioned
from tamis.scorers._vectors import Answers, column
from tamis.spec import scorer
from tamis.templates import TemplateName
from tamis.types import Batch, Column


@scorer(prefer="none", family="trainable-llm", unit="vectors", paper="arXiv:2402.04333")
def gradient(
    batch: Batch,
    lm: Likelihood,
    trained: Gradients,
    *,
    direction: Direction = "sgd",
    dim: int = 8192,
    seed: int = 0,
    projection: Projection = "sketch",
    unit: bool = True,
    template: TemplateName = "tulu",
    turns: Answers = "all",
    max_length: int = 2048,
    start: bool = True,
) -> Column:
    """Projected gradient of the answers' mean loss, or the step that Adam would make of it.

    Args:
        direction: the gradient itself, or Adam's step with eps inside or outside the root
        dim: numbers that a gradient is projected to
        seed: decides the projection, and a new adapter's first values
        projection: sketch, or the paper's matrix of random signs, which is slow
        unit: scale vectors to length 1
        template: markup around the turns; chat is the model's own
        turns: the last answer, or all together
        max_length: tokens read of a row, at most the model's context
        start: begin with the model's start token
    """
    if dim < 1 or seed < 0:
        raise UserError(f"dim must be at least 1 and seed at least 0, got {dim} and {seed}")
    rows = written(batch, lm, Setting(template, turns, max_length, start))
    asked = [conditioned(row) for row in rows if row.answers]
    found = trained.gradients(asked, direction=direction, dim=dim, seed=seed, projection=projection)
    return column([row.problem for row in rows], found, unit=unit, zero="zero_gradient")
