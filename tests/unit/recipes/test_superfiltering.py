import numpy as np
import pytest
from _scripted import Scripted, losses, rows, run

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.models.fake import FakeEmbedder
from tamis.recipes.superfiltering import superfiltering

RATIOS = {"a": 0.2, "b": 0.9, "c": 1.0, "d": 1.1}


def scripted(ratios):
    """A model in which each answer, one word, has the ratio of perplexities that is given."""
    after = losses(**{name: [5 + np.log(ratio)] for name, ratio in ratios.items()}, e=[np.nan])
    alone = losses(**{name: [5.0] for name in ratios}, e=[5.0])
    return Scripted(after, alone)


def test_exactly_one_is_dropped_and_the_highest_come_first(tmp_path):
    data = rows("a", "b", "c", "d", "e")
    picked = superfiltering(run(scripted(RATIOS), tmp_path), data, Budget(count=5))
    assert picked.rows.tolist() == [1, 0]
    assert picked.gains == pytest.approx([0.9, 0.2])
    gone = {why.rpartition(" ")[2]: found.tolist() for why, found in picked.dropped.items()}
    assert gone == {"undefined": [4], "1": [2, 3]}


def test_the_first_token_is_left_out_alone_without_a_start_token(tmp_path):
    after, alone = [0.5, 1, 0.25, 0.25], [2, 1.5, 0.5, 1]
    lm = Scripted(losses(a_b_c_d=after), losses(a_b_c_d=alone))
    found = []
    for start in ("true", "false"):
        by = f"ifd(ratio=perplexity,template=plain,start={start})"
        picked = superfiltering(run(lm, tmp_path), rows("a b c d"), Budget(count=1), by=by)
        found += picked.gains.tolist()
    assert found == pytest.approx([0.472367, 0.606531], abs=1e-6)


def many(tmp_path):
    """Forty rows with ratios from 0.02 to 1.58, in no order, and vectors of their own."""
    ratios = {f"t{n}": 0.02 + 0.04 * ((7 * n) % 40) for n in range(40)}
    mine = run(scripted(ratios), tmp_path, embedder=FakeEmbedder(), competence="off")
    return mine, rows(*ratios), list(ratios.values())


def test_the_diverse_form_chooses_among_the_best_of_the_pool(tmp_path):
    mine, data, ratios = many(tmp_path)
    picked = superfiltering(mine, data, Budget(count=40), diversity=True)
    below = sorted((r for r in ratios if r < 1), reverse=True)[:8]  # 20 % of 40
    assert sorted((ratios[row] for row in picked.rows), reverse=True) == below
    assert len(picked.dropped["not among the candidates"]) == sum(r < 1 for r in ratios) - 8


def test_the_diverse_form_covers_the_candidates_step_by_step(tmp_path):
    mine, data, ratios = many(tmp_path)
    picked = superfiltering(mine, data, Budget(count=8), diversity=True)
    best = sorted((row for row in range(40) if ratios[row] < 1), key=lambda row: -ratios[row])[:8]
    vectors = mine.score(data, ["embedding"]).vectors("embedding")[best].astype(float)
    apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    similar = np.exp(-apart / vectors.shape[1])
    covered = np.zeros(8)
    for row, gain in zip(picked.rows, picked.gains, strict=True):
        gains = np.maximum(similar - covered[:, None], 0).sum(axis=0)
        assert gains[best.index(row)] == pytest.approx(gains.max(), abs=1e-6)  # two may tie
        assert gain == pytest.approx(gains.max(), abs=1e-5)
        covered = np.maximum(covered, similar[:, best.index(row)])
    assert len(picked) == 8 and covered == pytest.approx(np.ones(8))


def test_bounds_take_the_place_of_a_number_of_candidates(tmp_path):
    mine, data, ratios = many(tmp_path)
    params = {"candidates": 1.0, "at_least": 0.52}
    picked = superfiltering(mine, data, Budget(count=40), diversity=True, **params)
    assert {ratios[row] for row in picked.rows} == {r for r in ratios if 0.52 <= r < 1}
    plain = superfiltering(mine, data, Budget(count=40), at_least=0.52)
    assert set(plain.rows.tolist()) == set(picked.rows.tolist())


def test_cosines_by_name_choose_among_the_same_candidates(tmp_path):
    mine, data, _ = many(tmp_path)
    near, far = (
        superfiltering(mine, data, Budget(count=8), diversity=True, similarity=name)
        for name in ("cosine", "exp_distance")
    )
    assert sorted(near.rows.tolist()) == sorted(far.rows.tolist())
    assert near.gains.sum() == pytest.approx(8) and near.gains[0] < far.gains[0]


@pytest.mark.parametrize("diversity", [False, True])
def test_a_smaller_selection_begins_a_larger_one(tmp_path, diversity):
    mine, data, _ = many(tmp_path)
    params = {"candidates": 0.5} if diversity else {}
    small, large = (
        superfiltering(mine, data, Budget(count=count), diversity=diversity, **params)
        for count in (5, 15)
    )
    assert len(large) == 15 and large.rows[:5].tolist() == small.rows.tolist()


def test_nothing_below_one_is_no_row(tmp_path):
    lm = scripted({"a": 1.5, "b": 1.0})
    for diversity in (False, True):
        picked = superfiltering(
            run(lm, tmp_path, embedder=FakeEmbedder()),
            rows("a", "b"),
            Budget(count=2),
            diversity=diversity,
        )
        assert len(picked) == 0


@pytest.mark.parametrize("candidates", [0.0, 2.0])
def test_candidates_that_are_no_share_are_refused(tmp_path, candidates):
    with pytest.raises(UserError, match="share"):
        superfiltering(
            run(scripted(RATIOS), tmp_path), rows("a"), Budget(count=1), candidates=candidates
        )


@pytest.mark.parametrize(
    "params", [{"candidates": 0.5}, {"of": "hidden_state"}, {"similarity": "cosine"}]
)
def test_what_the_diverse_form_alone_reads_is_refused_without_it(tmp_path, params):
    with pytest.raises(UserError, match="set diversity=true"):
        superfiltering(run(scripted(RATIOS), tmp_path), rows("a"), Budget(count=1), **params)


def test_rows_below_the_lower_bound_say_so(tmp_path):
    picked = superfiltering(
        run(scripted(RATIOS), tmp_path), rows("a", "b", "c"), Budget(count=3), at_least=0.5
    )
    gone = {why.partition(") ")[2]: found.tolist() for why, found in picked.dropped.items()}
    assert gone == {"below 0.5": [0], "not below 1": [2]}
