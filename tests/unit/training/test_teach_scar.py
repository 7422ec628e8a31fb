"""SCAR's losses by hand, and that a ranker learns the order of styles."""

from dataclasses import replace

import numpy as np
import pytest
from small_graders import classifier

torch = pytest.importorskip("torch")

from tamis.models.hub import locate  # noqa: E402
from tamis.models.scar import Style, StyleRanker, encoder_of  # noqa: E402
from tamis.training.scar import ScarTask, scar_loss  # noqa: E402
from tamis.training.teach_rows import Example  # noqa: E402
from tamis.training.teaching import Teaching  # noqa: E402

USUAL = Teaching()


def style(scores, seed):
    drawn = torch.Generator().manual_seed(seed)
    wide = [torch.randn(len(scores), 5, generator=drawn) for _ in range(2)]
    return Style(torch.tensor(scores), *wide)


STYLES = [style([1.0, 0.2, 0.0], 1), style([0.8, 0.4, 0.1], 2), style([0.0, 0.3, 2.0], 3)]


def margin(a, b, rows):
    gaps = [0.5 - (STYLES[a].score[r] - STYLES[b].score[r]).item() for r in rows]
    return np.mean([max(gap, 0.0) for gap in gaps])


def triplet(name, anchor, positive, negative, rows):
    parts = [getattr(STYLES[kind], name)[rows].numpy() for kind in (anchor, positive, negative)]
    near = np.linalg.norm(parts[0] - parts[1], axis=1)
    far = np.linalg.norm(parts[0] - parts[2], axis=1)
    return np.maximum(near - far + 1.0, 0).mean()


def test_loss_is_three_margins_and_a_tenth_of_two_triplets():
    counts = torch.ones(3, 3, dtype=torch.bool)
    rows = [0, 1, 2]
    wanted = margin(0, 1, rows) + margin(1, 2, rows) + margin(0, 2, rows)
    wanted += (
        0.1 * (triplet("creativity", 1, 2, 0, rows) + triplet("presentation", 0, 1, 2, rows)) / 2
    )
    assert scar_loss(STYLES, counts, USUAL).item() == pytest.approx(wanted, rel=1e-5)


def test_only_pairs_that_count_do_and_triplets_need_all_three():
    counts = torch.tensor([[True, False, False], [True, True, True], [False, False, True]])
    wanted = margin(0, 1, [0, 1]) + margin(1, 2, [1]) + margin(0, 2, [1, 2])
    wanted += (
        0.1 * (triplet("creativity", 1, 2, 0, [1]) + triplet("presentation", 0, 1, 2, [1])) / 2
    )
    assert scar_loss(STYLES, counts, USUAL).item() == pytest.approx(wanted, rel=1e-5)


def test_no_triplet_where_no_question_has_all_pairs():
    counts = torch.tensor([[True, False, False], [False, True, True], [False, False, True]])
    heavy = replace(USUAL, triplet_weight=100.0)
    wanted = margin(0, 1, [0]) + margin(1, 2, [1]) + margin(0, 2, [1, 2])
    assert scar_loss(STYLES, counts, heavy).item() == pytest.approx(wanted, rel=1e-5)


def test_one_question_alone_has_a_loss():
    one = [Style(*(part[:1] for part in style)) for style in STYLES]
    assert scar_loss(one, torch.ones(1, 3, dtype=torch.bool), USUAL).shape == ()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return locate(str(classifier(tmp_path_factory.mktemp("bert"), "bert")))


def task(encoder, examples, teaching=USUAL):
    model, tokenizer = encoder_of(encoder)
    torch.manual_seed(0)
    ranker = StyleRanker(model, 16)
    return ScarTask(ranker, tokenizer, examples, teaching)


EXAMPLES = [
    Example(f"k{n}", f"question {n}", ("a" * (n % 4 + 1), "b c", "d"), counts=(True,) * 3)
    for n in range(6)
]


def test_the_loss_of_a_batch_is_that_of_its_questions(encoder):
    found = task(encoder, EXAMPLES)
    found.model.eval()
    styles = found.styles(EXAMPLES)
    counts = torch.ones(6, 3, dtype=torch.bool)
    assert found.loss(range(6)).item() == pytest.approx(scar_loss(styles, counts, USUAL).item())


def test_scores_have_a_column_a_kind(encoder):
    found = task(encoder, EXAMPLES)
    found.model.eval()
    assert found.scores(EXAMPLES).shape == (6, 3)
    assert found.scores([]).shape == (0, 3)
