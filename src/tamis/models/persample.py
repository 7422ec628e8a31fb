"""Gradients of each passage by itself, out of one backward pass over many.

The loss of a batch is the sum of the passages' mean losses, and no passage sees another, so what
arrives at a layer's output for the tokens of a passage is that passage's own. With x_t and d_t, a
layer's input and the gradient at its output for token t, the gradients of its weights are
    W: sum_t d_t x_t^T      B: scale sum_t d_t (A x_t)^T      A: scale sum_t (B^T d_t) x_t^T
Nothing is computed for the model's own weights, and a layer's gradients are projected and let go
as soon as they are there: memory holds one layer's at a time. What a backward pass keeps is the
inputs of every layer: about tokens x layers x 6 widths numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tamis.errors import UserError
from tamis.models import lora as adapters
from tamis.models.lora import Lora, Low, linear_layers
from tamis.models.merging import positions
from tamis.models.moments import step
from tamis.models.projection import project
from tamis.protocols import Direction, Passage, Projection, Weights
from tamis.types import Floats, Vectors

Head = Callable[[torch.Tensor], torch.Tensor]
"""Last states, shape (tokens, width), to logits, shape (tokens, vocabulary)."""

HALF = 1024.0
"""Times as large are gradients on their way through a model in float16, which knows no less than
6e-8."""

LOGITS = 1 << 22
"""Logits in memory at once."""

States = Callable[[Sequence[Passage]], tuple[torch.Tensor, list[int]]]
"""Passages to the last states of all tokens as the layers see them, shape (tokens, width), and
where each passage begins among them."""

Take = Callable[[str, torch.Tensor, torch.Tensor, Sequence[slice]], None]
"""Called for each layer with its name, its inputs and the gradients at its output, both float32
and of shape (tokens, width), and the tokens of each passage."""


class Trainable:
    """What an engine holds beside a loaded model to be `Gradients` for a batch of passages.

    Args:
        model: the loaded model, in evaluation mode
        states: its forward pass
        head: its output layer
        folder: of a trained adapter, which the model gets here; without one adapters are new
    """

    def __init__(
        self, model: Any, states: States, head: Head, folder: str | Path | None = None
    ) -> None:
        self.model, self.states, self.head = model, states, head
        self._lora = adapters.load(folder, model) if folder else None
        self._fresh: dict[int, Lora] = {}
        if self._lora:
            adapters.adapt(model, self._lora)

    def lora(self, seed: int) -> Lora:
        """The trained adapter, or the new one of a seed."""
        if self._lora:
            return self._lora
        if seed not in self._fresh:
            self._fresh = {seed: adapters.fresh(self.model, seed=seed)}
        return self._fresh[seed]

    def gradients(
        self,
        passages: Sequence[Passage],
        *,
        direction: Direction,
        dim: int,
        seed: int,
        projection: Projection,
    ) -> Vectors:
        return gradients(
            self.model,
            self.states,
            self.head,
            self.lora(seed),
            passages,
            direction=direction,
            dim=dim,
            seed=seed,
            projection=projection,
        )

    def norms(self, passages: Sequence[Passage], *, weights: Weights, seed: int) -> Floats:
        lora = self.lora(seed) if weights == "adapter" else None
        return norms(self.model, self.states, self.head, passages, lora)


def gradients(
    model: Any,
    states: States,
    head: Head,
    lora: Lora,
    passages: Sequence[Passage],
    *,
    direction: Direction = "sgd",
    dim: int = 8192,
    seed: int = 0,
    projection: Projection = "sketch",
) -> Vectors:
    """Projected gradients of the adapters for passages that share a forward pass.

    A trained adapter must be in the model already (`lora.adapt`).
    """
    if direction != "sgd" and not lora.has_moments:
        raise UserError(
            f"direction={direction} needs Adam's moments, which come with the adapter of a "
            "warm-up (adam.safetensors): name its folder as the model, or set direction=sgd"
        )
    device = next(iter(lora.layers.values())).a.device
    found = torch.zeros(len(passages), dim, device=device)

    def take(part: int, vectors: torch.Tensor, m: Any, v: Any) -> None:
        moved = step(vectors, m, v, direction, lora.adam)
        project(moved, part, found, seed, projection)

    each_layer(model, states, head, lora, passages, take)
    return np.asarray(found.cpu().numpy(), np.float32)


def norms(
    model: Any,
    states: States,
    head: Head,
    passages: Sequence[Passage],
    lora: Lora | None = None,
) -> Floats:
    """Length of each passage's gradient of all linear layers' weights, or of the adapters given."""
    squares = torch.zeros(len(passages), dtype=torch.float64)

    def of_adapter(_: int, vectors: torch.Tensor, *moments: Any) -> None:
        squares.add_(vectors.double().square().sum(1).cpu())

    def of_layer(_: str, x: torch.Tensor, d: torch.Tensor, spans: Sequence[slice]) -> None:
        squares.add_(torch.tensor([_square(x[part], d[part]) for part in spans]))

    if lora is not None:
        each_layer(model, states, head, lora, passages, of_adapter)
    else:
        _backward(model, states, head, passages, list(linear_layers(model)), of_layer)
    return np.asarray(squares.sqrt().numpy(), np.float64)


def each_layer(
    model: Any,
    states: States,
    head: Head,
    lora: Lora,
    passages: Sequence[Passage],
    take: Callable[[int, torch.Tensor, Any, Any], None],
) -> None:
    """take(part, gradients, m, v) for A and then B of each layer, in the order of a backward pass.

    A's part is twice the place of its layer in the model, B's one more; gradients are flat, shape
    (passages, numbers). A that has no gradient because B is zero is left out.
    """
    places = {name: place for place, name in enumerate(lora.layers)}

    def layer(name: str, x: torch.Tensor, d: torch.Tensor, spans: Sequence[slice]) -> None:
        low, part = lora.layers[name], 2 * places[name]
        (ma, va), (mb, vb) = low.moments or ((None, None), (None, None))
        if low.trained or low.moments:
            take(part, _of_a(low, x, d, spans), _flat(ma), _flat(va))
        take(part + 1, _of_b(low, x, d, spans), _flat(mb), _flat(vb))

    _backward(model, states, head, passages, list(lora.layers), layer)


def _of_a(low: Low, x: torch.Tensor, d: torch.Tensor, spans: Sequence[slice]) -> torch.Tensor:
    back = low.scale * (d @ low.b)
    return torch.stack([(back[part].T @ x[part]).flatten() for part in spans])


def _of_b(low: Low, x: torch.Tensor, d: torch.Tensor, spans: Sequence[slice]) -> torch.Tensor:
    inside = low.scale * (x @ low.a.T)
    return torch.stack([(d[part].T @ inside[part]).flatten() for part in spans])


def _flat(moment: torch.Tensor | None) -> Any:
    return 0.0 if moment is None else moment.flatten()


def _square(x: torch.Tensor, d: torch.Tensor) -> float:
    """||sum_t d_t x_t^T||^2, by whichever of two ways computes less."""
    tokens, inside, out = len(x), x.shape[1], d.shape[1]
    if tokens * (inside + out) < inside * out:
        return float(((x @ x.T) * (d @ d.T)).sum(dtype=torch.float64).clamp(min=0))
    return float((d.T @ x).double().square().sum())


def _backward(
    model: Any,
    states: States,
    head: Head,
    passages: Sequence[Passage],
    names: Sequence[str],
    take: Take,
) -> None:
    """Reads the passages and goes back once; `take` is called for each named layer.

    Raises UserError where a layer is used twice or does not see every token (mixture of experts):
    which passage a gradient belongs to would not be known.
    """
    spans: list[slice] = []
    seen: set[str] = set()

    def taken(name: str, x: torch.Tensor, d: torch.Tensor) -> None:
        if name in seen or len(x) != tokens:
            raise UserError(f"{name} does not see every token once: no gradients of this model")
        seen.add(name)
        take(name, x, d / scale, spans)

    with torch.enable_grad(), _tapped(model, names, taken):
        found, begins = states(passages)
        tokens = len(found)
        scale = HALF if found.dtype == torch.float16 else 1.0
        spans += [slice(b, b + len(p.ids)) for b, p in zip(begins, passages, strict=True)]
        torch.autograd.backward(found, _pull(found.detach(), begins, head, passages, scale))


def _pull(
    states: torch.Tensor,
    begins: Sequence[int],
    head: Head,
    passages: Sequence[Passage],
    scale: float,
) -> torch.Tensor:
    """Gradient of `scale` times the sum of mean losses with respect to the last states."""
    scored = [positions(p) for p in passages]
    if not all(len(at) for at in scored):
        raise ValueError("a passage without scored tokens has no gradient")

    def joined(parts: list[Any]) -> torch.Tensor:
        return torch.from_numpy(np.concatenate(parts)).to(states.device)

    before = joined([at - 1 + begin for at, begin in zip(scored, begins, strict=True)])
    targets = joined([p.ids[at] for at, p in zip(scored, passages, strict=True)])
    share = joined([np.full(len(at), scale / len(at), np.float32) for at in scored])
    pull = torch.zeros_like(states)
    many = max(LOGITS // head(states[:1]).shape[-1], 16)
    for start in range(0, len(before), many):
        part = slice(start, start + many)
        here = states[before[part]].requires_grad_()
        logits = head(here).float()
        loss = torch.nn.functional.cross_entropy(logits, targets[part], reduction="none")
        pull[before[part]] = torch.autograd.grad((loss * share[part]).sum(), here)[0]
    return pull


_Taken = Callable[[str, torch.Tensor, torch.Tensor], None]


@contextmanager
def _tapped(model: Any, names: Sequence[str], take: _Taken) -> Iterator[None]:
    """Within it, a backward pass reports every named layer; the model's weights need no gradient.

    The embeddings' output does, so that there is something to go back to.
    """
    named = dict(model.named_modules())
    needed = [p for p in model.parameters() if p.requires_grad]
    handles = [named[name].register_forward_hook(_tap(name, take)) for name in names]
    handles.append(model.get_input_embeddings().register_forward_hook(_root))
    for parameter in needed:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for parameter in needed:
            parameter.requires_grad_(True)


def _root(_: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
    return output.detach().requires_grad_()


def _tap(name: str, take: _Taken) -> Callable[[Any, tuple[torch.Tensor, ...], torch.Tensor], None]:
    def hook(_: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        x = inputs[0].detach()

        def back(d: torch.Tensor) -> None:
            take(name, x.flatten(0, -2).float(), d.flatten(0, -2).float())

        output.register_hook(back)  # type: ignore[no-untyped-call]

    return hook
