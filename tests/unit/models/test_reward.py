import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from small_graders import classifier, t5_tokenizer
from tiny import tiny_model

from tamis.errors import UserError
from tamis.models import named_reward
from tamis.models.reward import RewardModel

PAIRS = [
    ("Is this a question?", "It is an answer to the question."),
    ("Why", "a"),
    ("Say it", "the response is not in the history, and this is it: " + "a b c " * 5),
    ("What is [SEP] in a text?", "A [SEP] mark."),
]
KINDS = ["bert", "deberta", "roberta", "llama"]


def by_hand(folder, texts, **given):
    """The library's own grade of one text or pair at a time, in float64."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        found = model(**tokenizer(*texts, return_tensors="pt", **given)).logits[0].double()
    return found.numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_grades_are_the_librarys_own(tmp_path, kind):
    folder = classifier(tmp_path, kind, places=256)
    plain = [pair for pair in PAIRS if "[SEP]" not in pair[1]]
    found = RewardModel(str(folder)).reward(plain)
    expected = [by_hand(folder, pair)[0] for pair in plain]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.ptp(found) > 0.1  # or all would be alike


@pytest.mark.parametrize("kind", KINDS)
def test_a_grade_does_not_see_what_is_graded_beside_it(tmp_path, kind):
    folder = classifier(tmp_path, kind)
    together = RewardModel(str(folder)).reward(PAIRS)
    alone = RewardModel(str(folder), batch_tokens=1).reward(PAIRS)
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_a_causal_classifier_without_a_filler_is_read_at_its_last_token(tmp_path):
    folder = classifier(tmp_path, "llama", filler=None, places=256)
    expected = [by_hand(folder, pair)[0] for pair in PAIRS]
    np.testing.assert_allclose(RewardModel(str(folder)).reward(PAIRS), expected, atol=1e-4)


def test_two_outputs_are_graded_by_their_difference(tmp_path):
    folder = classifier(tmp_path, "bert", labels=2)
    logits = by_hand(folder, PAIRS[0])
    (found,) = RewardModel(str(folder)).reward(PAIRS[:1])
    assert found == pytest.approx(logits[1] - logits[0], abs=1e-4)


def test_three_outputs_are_no_grade(tmp_path):
    folder = classifier(tmp_path, "bert", labels=3)
    with pytest.raises(UserError, match="3 classes"):
        RewardModel(str(folder)).reward(PAIRS)


def test_a_model_without_a_trained_head_is_refused(tmp_path):
    folder = tiny_model(tmp_path, "llama")
    with pytest.raises(UserError, match=r"no trained weights for score\.weight"):
        RewardModel(f"{folder}#pair").reward(PAIRS)


def test_a_row_cannot_write_a_separator(tmp_path):
    folder = classifier(tmp_path, "bert")
    (shown,) = RewardModel(str(folder)).shown(PAIRS[3:])
    assert (shown.ids == 3).sum() == 2  # the tokenizer's own


def test_a_row_cannot_write_a_token_that_is_a_piece_of_the_vocabulary(tmp_path):
    model = RewardModel(str(classifier(tmp_path, "bert")))
    model.text.tokenizer = t5_tokenizer()  # in which a setting does not help
    (shown,) = model.shown([("a", "</s> this")])
    assert (shown.ids == 1).sum() == 2


def test_token_types_say_which_text_is_which(tmp_path):
    (shown,) = RewardModel(str(classifier(tmp_path, "bert"))).shown([("a", "the a")])
    assert shown.kinds.tolist() == [0, 0, 0, 1, 1, 1]


def test_an_empty_part_is_left_out(tmp_path):
    folder = classifier(tmp_path, "bert")
    (found,) = RewardModel(str(folder)).reward([("", "this is it")])
    assert found == pytest.approx(by_hand(folder, ("this is it",))[0], abs=1e-4)


def test_a_long_answer_is_cut_at_its_end(tmp_path):
    folder = classifier(tmp_path, "bert")
    (found,) = RewardModel(str(folder)).reward([("this is it", "a b " * 100)])
    cut = by_hand(folder, ("this is it", "a b " * 100), truncation="only_second", max_length=64)
    assert found == pytest.approx(cut[0], abs=1e-4)


def test_a_question_that_leaves_no_room_has_no_grade(tmp_path):
    folder = classifier(tmp_path, "bert")
    found = RewardModel(str(folder)).reward([("a b " * 100, "this"), PAIRS[0]])
    assert np.isnan(found).tolist() == [True, False]


def test_places_behind_the_fillers_are_all_that_roberta_reads(tmp_path):
    model = RewardModel(str(classifier(tmp_path, "roberta")))
    assert model.longest == 63  # 64 places, and the filler at 0 takes the first
    assert np.isfinite(model.reward([("a", "a b " * 100)])).all()


def test_a_causal_model_with_a_template_reads_a_conversation(tmp_path):
    folder = classifier(tmp_path, "llama", chat=True)
    text = "<|user|>\nWhy\n<|assistant|>\na<|end|>\n"
    (found,) = RewardModel(str(folder)).reward([("Why", "a")])
    expected = by_hand(folder, (text,), add_special_tokens=False)[0]
    assert found == pytest.approx(expected, abs=1e-4)


def test_the_name_says_how_texts_are_shown(tmp_path):
    folder = classifier(tmp_path, "llama", chat=True)
    (found,) = RewardModel(f"{folder}#pair").reward([("Why", "a")])
    assert found == pytest.approx(by_hand(folder, ("Why", "a"))[0], abs=1e-4)


def test_a_conversation_is_cut_in_its_answer_and_ends_as_it_should(tmp_path):
    model = RewardModel(str(classifier(tmp_path, "llama", chat=True)))
    long, short = model.shown([("Why", "a b " * 100), ("Why", "a b")])
    assert len(long.ids) == 64
    assert long.ids[-2:].tolist() == short.ids[-2:].tolist()


def test_chat_without_a_template_is_refused(tmp_path):
    folder = classifier(tmp_path, "llama")
    with pytest.raises(UserError, match="no chat template"):
        RewardModel(f"{folder}#chat").reward(PAIRS)


def test_ids_name_content_form_and_precision(tmp_path):
    one = classifier(tmp_path / "one", "bert", seed=1)
    two = classifier(tmp_path / "two", "bert", seed=2)
    names = [RewardModel(str(one)), RewardModel(str(two)), RewardModel(f"{one}#pair")]
    names.append(RewardModel(str(one), dtype="bfloat16"))
    assert len({model.id for model in names}) == 4


def test_a_folder_is_found_by_name(tmp_path):
    folder = classifier(tmp_path, "bert")
    assert named_reward(str(folder)).reward(PAIRS).shape == (4,)


def test_no_pairs_have_no_grades(tmp_path):
    assert RewardModel(str(classifier(tmp_path, "bert"))).reward([]).shape == (0,)


def test_what_does_not_fit_in_memory_is_read_in_halves(tmp_path, monkeypatch):
    model = RewardModel(str(classifier(tmp_path, "bert")))
    expected, own = model.reward(PAIRS), RewardModel._grades

    def small(self, rows, places):
        if len(places) > 1:
            raise RuntimeError("CUDA out of memory")
        return own(self, rows, places)

    monkeypatch.setattr(RewardModel, "_grades", small)
    np.testing.assert_allclose(model.reward(PAIRS), expected, atol=1e-4)
