"""Long vectors to short ones that keep inner products: seeded, and never a large matrix in memory.

A long vector comes in parts (here, a tensor of parameters each); the signs of a part are drawn
anew from (seed, part) whenever it is projected. For both kinds, with u and v of any length,
    E <Pu, Pv> = <u, v>        Var <Pu, Pv> <= (|u|^2 |v|^2 + <u, v>^2) / dim
rademacher multiplies by a matrix of signs over sqrt(dim): size x dim signs are drawn for a part,
a block at a time. sketch cuts a part into pieces of dim numbers, gives each number a sign, turns
each piece by a random shift and adds them up: size signs, and no number meets one of its piece.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from tamis.protocols import Projection

BLOCK_SIGNS = 1 << 20
"""Signs in memory at once, as float32: 4 MB stay in a processor's cache."""


def project(
    vectors: torch.Tensor, part: int, into: torch.Tensor, seed: int, kind: Projection
) -> None:
    """Adds the projection of a part of long vectors, shape (rows, size), to `into`, (rows, dim)."""
    drawn = np.random.default_rng([seed, part])
    if kind == "sketch":
        _sketch(vectors, into, drawn)
    else:
        _rademacher(vectors, into, drawn)


def _sketch(vectors: torch.Tensor, into: torch.Tensor, drawn: np.random.Generator) -> None:
    dim, size = into.shape[1], vectors.shape[1]
    pieces = -(-size // dim)
    shifts = drawn.integers(dim, size=pieces).tolist()
    many = max(BLOCK_SIGNS // dim, 1)
    for first in range(0, pieces, many):
        start, stop = first * dim, min((first + many) * dim, size)
        signed = vectors[:, start:stop] * signs(drawn, stop - start, vectors.device)
        for piece, shift in zip(torch.split(signed, dim, 1), shifts[first:], strict=False):
            room = min(dim - shift, piece.shape[1])
            into[:, shift : shift + room] += piece[:, :room]
            into[:, : piece.shape[1] - room] += piece[:, room:]


def _rademacher(vectors: torch.Tensor, into: torch.Tensor, drawn: np.random.Generator) -> None:
    dim = into.shape[1]
    many = max(BLOCK_SIGNS // dim, 1)
    scaled = vectors / dim**0.5
    for block in torch.split(scaled, many, 1):
        flat = signs(drawn, block.shape[1] * dim, vectors.device)
        into.addmm_(block, flat.view(block.shape[1], dim))


def signs(drawn: np.random.Generator, count: int, device: torch.device) -> torch.Tensor:
    """So many numbers -1 or 1, a random bit each."""
    raw = np.frombuffer(drawn.bytes(-(-count // 8)), np.uint8)
    places = torch.from_numpy(raw.astype(np.int32)).to(device)
    return _of_bytes(device).index_select(0, places).view(-1)[:count]


@cache
def _of_bytes(device: torch.device) -> torch.Tensor:
    """The eight signs of each byte, shape (256, 8)."""
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    return torch.from_numpy(bits.astype(np.float32) * 2 - 1).to(device)
