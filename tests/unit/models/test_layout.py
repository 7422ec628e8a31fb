"""Where tokens lie in a forward pass."""

import numpy as np
import pytest

from tamis.models.layout import WORTH, by_beginning, common, packed, padded
from tamis.protocols import Noise, Passage


def texts(*parts):
    return [Passage(np.concatenate([np.arange(*span) for span in part])) for part in parts]


def random_texts(seed):
    """Texts that begin with one of three beginnings, or with one of them and more."""
    rng = np.random.default_rng(seed)
    starts = [rng.integers(0, 9, size) for size in (12, 20, 9)]
    starts.append(np.concatenate([starts[0], rng.integers(0, 9, 15)]))
    return [
        Passage(np.concatenate([starts[rng.integers(4)], rng.integers(0, 9, rng.integers(1, 9))]))
        for _ in range(20)
    ]


def tokens_of(layout, passage_at):
    return layout.ids.ravel()[layout.where[passage_at]]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("share", [True, False])
def test_every_token_of_every_text_is_there_at_its_place(seed, share):
    found = random_texts(seed)
    ordered = [found[at] for at in by_beginning(found)]
    layout = packed(ordered, share=share)
    for at, passage in enumerate(ordered):
        assert tokens_of(layout, at).tolist() == passage.ids.tolist()
        assert layout.at.ravel()[layout.where[at]].tolist() == list(range(len(passage.ids)))
    assert sum(b.beginning + sum(b.rests) for b in layout.blocks) == layout.ids.size
    assert len(np.unique(np.concatenate(layout.where))) == layout.ids.size  # none for nobody
    if not share:
        assert layout.ids.size == sum(len(p.ids) for p in found)


def test_a_common_beginning_lies_there_once():
    layout = packed(texts([(0, 20), (30, 35)], [(0, 20), (40, 42)], [(0, 20), (50, 52)]))
    assert layout.blocks == [(20, (5, 2, 2))]
    assert layout.ids.size == 29


def test_the_larger_saving_wins():
    deep = [[(0, 10), (60, 90), (n, n + 2)] for n in (100, 110, 120)]
    layout = packed(texts(*deep, [(0, 10), (200, 203)]))
    assert [(b.beginning, len(b.rests)) for b in layout.blocks] == [(40, 3), (0, 1)]


def test_short_beginnings_are_not_worth_it():
    layout = packed(texts([(0, WORTH - 1), (30, 35)], [(0, WORTH - 1), (40, 45)]))
    assert [b.beginning for b in layout.blocks] == [0, 0]


def test_each_text_keeps_a_token_and_noise_shares_nothing():
    one, two = texts([(0, 10)], [(0, 10), (20, 25)])
    assert common(one, two) == 9
    assert common(one, Passage(two.ids, noise=Noise(1, 5.0, 15))) == 0


def test_padding_is_on_the_right():
    layout = padded(texts([(1, 4)], [(1, 6)]))
    assert layout.ids.tolist() == [[1, 2, 3, 0, 0], [1, 2, 3, 4, 5]]
    assert [where.tolist() for where in layout.where] == [[0, 1, 2], [5, 6, 7, 8, 9]]
