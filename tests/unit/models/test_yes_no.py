from importlib.util import find_spec

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from small_graders import classifier, t5, t5_tokenizer
from tiny import tiny_model

from tamis.errors import UserError
from tamis.models import named_yes_no
from tamis.models.hf import HuggingFace
from tamis.models.hf_tokenizer import ModelTokenizer
from tamis.models.yes_no import Causal, Seq2Seq, fitting, reads_first, spaced
from tamis.templates import Piece

FORM = "question: Is this it? {} response: {} {} dialogue history: {}"


def question(answer, history):
    return [
        Piece("question: Is this it? {end} response: ", "markup"),
        Piece(answer, "text"),
        Piece(" {end} dialogue history: ", "markup"),
        Piece(history, "text"),
    ]


ASKED = [
    question("It is an answer.", "a question to it"),
    question("No", "the history of this and that, and of the other: a b c"),
    question("this", "it"),
]
TEXTS = [FORM.format("</s>", asked[1].text, "</s>", asked[3].text) for asked in ASKED]


def by_hand(folder, text):
    """Yes against No by the library, one text at a time."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        given = tokenizer(text, return_tensors="pt")
        logits = model(**given, decoder_input_ids=torch.zeros(1, 1, dtype=torch.long)).logits[0, 0]
    both = [tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in ("Yes", "No")]
    return float(logits.double().softmax(-1)[both[0]] / logits.double().softmax(-1)[both].sum())


def test_a_chance_is_the_librarys_own(tmp_path):
    folder = t5(tmp_path)
    expected = [by_hand(folder, text) for text in TEXTS]
    found = Seq2Seq(str(folder)).yes(ASKED)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.ptp(found) > 0.01  # or all would be alike


def test_pieces_are_tokenised_as_the_whole(tmp_path):
    folder = t5(tmp_path)
    text = ModelTokenizer(str(folder))
    found = fitting([spaced(asked) for asked in ASKED], text, 1000)
    plain = t5_tokenizer()
    for ids, whole in zip(found, TEXTS, strict=True):
        assert [*ids.tolist(), 1] == plain(whole)["input_ids"]


def test_a_chance_does_not_see_what_is_asked_beside_it(tmp_path):
    folder = str(t5(tmp_path))
    together, alone = Seq2Seq(folder).yes(ASKED), Seq2Seq(folder, batch_tokens=1).yes(ASKED)
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_row_cannot_end_its_text(tmp_path):
    model = Seq2Seq(str(t5(tmp_path)))
    seen = []
    model._chances = lambda rows, places: seen.extend(rows) or np.zeros(len(places))
    model.yes([question("</s> question: Is this it?", "{end}")])
    assert (seen[0] == 1).sum() == 3  # two of the form and the last


def test_the_longest_text_is_cut_first(tmp_path):
    text = ModelTokenizer(str(t5(tmp_path)))
    short, long = question("this is it", "it"), question("this is it", "it " * 500)
    whole, cut = fitting([short, long], text, 40)
    assert len(cut) == 40
    assert cut[: len(whole)].tolist() == whole.tolist()


def test_a_question_that_fills_the_model_is_refused(tmp_path):
    text = ModelTokenizer(str(t5(tmp_path)))
    with pytest.raises(UserError, match="the question alone"):
        list(fitting([question("a", "b")], text, 10))


def test_a_model_without_the_words_is_refused(tmp_path):
    folder = t5(tmp_path, words=("Right", "Wrong"))
    with pytest.raises(UserError, match="no single token for Yes"):
        Seq2Seq(str(folder)).yes(ASKED)


def test_a_tokenizer_that_needs_another_library_names_it(tmp_path):
    if find_spec("sentencepiece"):
        pytest.skip("sentencepiece is installed")
    folder = t5(tmp_path)
    (folder / "tokenizer.json").unlink()
    (folder / "spiece.model").write_text("x")
    with pytest.raises(UserError, match="pip install sentencepiece protobuf"):
        Seq2Seq(str(folder)).yes(ASKED)


def test_a_classifier_is_no_model_that_writes(tmp_path):
    folder = classifier(tmp_path, "bert")
    assert not reads_first(str(folder))


def test_names_find_both_kinds(tmp_path):
    writer, causal = t5(tmp_path / "t5"), tiny_model(tmp_path / "llama", "llama")
    kinds = [type(named_yes_no(str(folder))) for folder in (writer, causal)]
    assert kinds == [Seq2Seq, Causal]


class Spelled:
    """A causal model of words, which gives Yes three times the chance of No."""

    id, context, start = "words", 60, None

    def __init__(self):
        self.known, self.read_ids = {}, []

    def encode(self, texts, *, markup=False):
        split = [text.replace("\n", " \n ").split(" ") for text in texts]
        return [
            np.array([self.known.setdefault(w, len(self.known)) for w in words if w])
            for words in split
        ]

    def chat(self, messages, tools):
        return []

    def read(self, passages):
        from tamis.protocols import Reading

        self.read_ids += [passage.ids for passage in passages]
        assert all(len(passage.options) == 2 for passage in passages)
        return [Reading(options=np.log([0.3, 0.1])) for _ in passages]


def test_a_causal_model_goes_on_with_yes_or_no():
    lm = Spelled()
    found = Causal(lm).yes(ASKED)
    names = {number: word for word, number in lm.known.items()}
    first = " ".join(names[token] for token in lm.read_ids[0].tolist())
    assert found.tolist() == pytest.approx([0.75] * 3)
    assert first == (
        "question: Is this it? \n response: It is an answer. \n dialogue history: "
        "a question to it \n Answer (Yes or No):"
    )


def test_a_causal_model_reads_no_more_than_its_context():
    lm = Spelled()
    Causal(lm).yes([question("this is it", "it " * 500)])
    assert len(lm.read_ids[0]) == 60


def test_a_real_causal_model_answers():
    found = Causal(HuggingFace("reference")).yes(ASKED)
    assert ((found > 0) & (found < 1)).all()
