"""SCAR's ranker: numpy on the encoder's own states, batches of one, and its files."""

import numpy as np
import pytest
from small_graders import classifier
from tiny import tiny_model

torch = pytest.importorskip("torch")

from tamis.errors import UserError  # noqa: E402
from tamis.models import named_reward  # noqa: E402
from tamis.models.hub import locate  # noqa: E402
from tamis.models.scar import Scar, StyleRanker, encoder_of, inputs, save  # noqa: E402

PAIRS = [
    ("what is it", "a question"),
    ("an answer to this", "the answer is in the history of this dialogue and not in it"),
    ("a", "b"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base, out = tmp_path_factory.mktemp("bert"), tmp_path_factory.mktemp("scar")
    encoder, tokenizer = encoder_of(locate(str(classifier(base, "bert"))))
    torch.manual_seed(0)
    save(StyleRanker(encoder, 16), tokenizer, 32, out)
    return out


def by_hand(folder, question, answer):
    """The formula in numpy, a pair at a time, without padding."""
    from safetensors.numpy import load_file

    encoder, tokenizer = encoder_of(locate(str(folder)))
    encoder.eval()
    layers = load_file(str(folder / "scar.safetensors"))
    with torch.inference_mode():
        asked, said = (encoder(**inputs(tokenizer, [t], 32, "cpu")) for t in (question, answer))
    vectors = [part.pooler_output[0].numpy() for part in (asked, said)]

    def apply(name, x):
        first, second = (
            (layers[f"{name}.{at}.weight"], layers[f"{name}.{at}.bias"]) for at in (0, 2)
        )
        return second[0] @ np.maximum(first[0] @ x + first[1], 0) + second[1]

    creativity = apply("relation", np.concatenate(vectors))
    presentation = said.last_hidden_state[0].numpy().max(axis=0)
    return apply("output", np.concatenate([creativity, presentation]))[0]


def test_scores_are_the_formula_on_the_encoders_states(folder):
    wanted = [by_hand(folder, *pair) for pair in PAIRS]
    assert Scar(str(folder)).reward(PAIRS) == pytest.approx(wanted, abs=1e-5)


def test_a_batch_of_one_row_has_a_list_of_one_score(folder):
    ranker = Scar(str(folder))
    alone = [ranker.reward([pair]) for pair in PAIRS]
    assert [one.shape for one in alone] == [(1,)] * 3
    assert np.concatenate(alone) == pytest.approx(ranker.reward(PAIRS), abs=1e-5)


def test_no_row_has_no_score(folder):
    assert Scar(str(folder)).reward([]).shape == (0,)


def test_a_long_text_is_cut_at_its_end(folder):
    ranker = Scar(str(folder))
    long = "a " * 30
    one, two = ranker.reward([("q", long + "b"), ("q", long + "c c")])
    assert one == pytest.approx(two, abs=1e-6)


def test_what_a_row_says_is_no_markup(folder):
    _, tokenizer = encoder_of(locate(str(folder)))
    found = inputs(tokenizer, ["[SEP] [CLS] a"], 32, "cpu")["input_ids"][0].tolist()
    assert found.count(tokenizer.sep_token_id) == found.count(tokenizer.cls_token_id) == 1


def test_the_reward_protocol_finds_a_ranker_by_its_file(folder):
    from tamis.protocols import Reward

    found = named_reward(str(folder), device="cpu")
    assert isinstance(found, Scar) and isinstance(found, Reward)
    assert found.id.startswith("scar:")


def test_a_model_that_reads_from_left_to_right_is_refused(tmp_path):
    with pytest.raises(UserError, match="left to right"):
        encoder_of(locate(str(tiny_model(tmp_path))))


def test_layers_that_do_not_fit_are_refused(folder, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, tmp_path / "broken")
    path = tmp_path / "broken/scar.safetensors"
    layers = load_file(path)
    layers.pop("output.2.bias")
    save_file(layers, path)
    with pytest.raises(UserError, match=r"output\.2\.bias"):
        Scar(str(tmp_path / "broken")).reward(PAIRS)
