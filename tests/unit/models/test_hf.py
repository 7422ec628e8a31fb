"""The engine against a slow reference in float64; nothing depends on what is read beside it."""

from dataclasses import replace

import numpy as np
import pytest
from slow import Slow
from tiny import TEXTS, blank_tokenizer, tiny_model, tiny_tokenizer

from conftest import shared_root
from tamis.errors import UserError
from tamis.protocols import Generator, Gradients, Likelihood, Noise, Passage, Reading

torch = pytest.importorskip("torch")
from tamis.models.hf import HuggingFace  # noqa: E402
from tamis.models.merging import merged, unmerged  # noqa: E402
from tamis.models.quantities import Head, of_tokens  # noqa: E402
from tamis.models.reader import _pooled  # noqa: E402

KINDS = ["llama", "gpt2", "mistral", "gemma2", "gpt_neo", "gpt_neox"]
EVERYTHING = ("loss", "entropy", "el2n", "last", "mean", "weighted")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {kind: tiny_model(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


@pytest.fixture(scope="module")
def llama(folders):
    return HuggingFace(str(folders["llama"]), device="cpu")


def passages(lm, noise=None):
    """Texts in several scripts after their start token, with one or two scored spans."""
    found = []
    for row, ids in enumerate(lm.encode(TEXTS * 2)):
        if not len(ids):  # a small tokenizer may know none of a script's characters
            continue
        ids = np.concatenate([[lm.start], ids])
        middle = len(ids) // 2
        two = row % 2 and len(ids) > 6
        spans = ((1, 3), (middle, len(ids))) if two else ((middle, len(ids)),)
        found.append(Passage(ids, spans, EVERYTHING, (3, 1, 2), noise))
    return found


def agree(reading, slow, tolerance=1e-4):
    tokens, states, options = slow
    for name, values in tokens.items():
        np.testing.assert_allclose(reading.tokens[name], values, atol=tolerance)
    for name, vector in states.items():
        np.testing.assert_allclose(reading.states[name], vector, atol=1e-3)
    np.testing.assert_allclose(reading.options, options, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_tokens", [1, 70, 10_000])
def test_readings_equal_a_loop_in_float64(folders, kind, batch_tokens):
    lm, slow = HuggingFace(str(folders[kind]), batch_tokens=batch_tokens), Slow(folders[kind])
    asked = passages(lm)
    for reading, passage in zip(lm.read(asked), asked, strict=True):
        agree(reading, slow.read(passage))


@pytest.mark.parametrize("name", ["stories260K/hf", "tinystories-656k"])
def test_trained_models_with_their_own_tokenizers_too(name):
    folder = shared_root() / "models" / name
    if not folder.is_dir():
        pytest.skip(f"the model {name} is absent")
    lm, slow = HuggingFace(str(folder)), Slow(folder)
    asked = passages(lm)
    for reading, passage in zip(lm.read(asked), asked, strict=True):
        agree(reading, slow.read(passage))


@pytest.mark.parametrize(
    ("kind", "packed"), [("llama", True), ("gpt2", True), ("gemma2", False), ("gpt_neo", False)]
)
def test_texts_are_packed_where_the_models_attention_allows_it(folders, kind, packed):
    assert HuggingFace(str(folders[kind]), device="cpu").readers[0].packed is packed


def test_padding_changes_nothing_where_texts_are_padded(folders):
    lm, slow = HuggingFace(str(folders["llama"])), Slow(folders["llama"])
    lm.readers[0].packed = False
    lm.readers[0].model.set_attn_implementation("sdpa")
    asked = passages(lm)
    for reading, passage in zip(lm.read(asked), asked, strict=True):
        agree(reading, slow.read(passage))


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mistral", "gpt_neo"])
def test_what_texts_begin_with_is_read_once(folders, kind):
    lm, slow = HuggingFace(str(folders[kind])), Slow(folders[kind])
    one, two = np.arange(1, 31), np.arange(101, 141)
    asked = [
        Passage(np.concatenate([begin, rest]), ((20, len(begin) + len(rest)),), EVERYTHING, (5,))
        for begin in (one, two, np.concatenate([one, two]))
        for rest in (np.array([7]), np.array([8, 9, 10]), np.array([8, 9, 11]), np.arange(50, 70))
    ]
    asked.append(Passage(one, ((25, 30),), EVERYTHING, (5,)))  # no more than the beginning
    for reading, passage in zip(lm.read(asked), asked, strict=True):
        agree(reading, slow.read(passage))
    total = sum(len(p.ids) for p in asked)
    assert lm.forward_tokens < 0.5 * total if kind != "gpt_neo" else lm.forward_tokens == total


def test_noise_is_that_of_the_whole_text_wherever_a_part_begins(folders, llama):
    slow = Slow(folders["llama"])
    (whole, *_) = passages(llama, Noise(7, 5.0, 200, 3))
    agree(llama.read([whole])[0], slow.read(whole))
    quiet = Passage(whole.ids, whole.spans)
    assert not np.allclose(
        llama.read([quiet])[0].tokens["loss"], llama.read([whole])[0].tokens["loss"], atol=1e-3
    )


def test_two_models_on_two_devices_share_the_work(folders, llama):
    both = HuggingFace(str(folders["llama"]), device="cpu,cpu", batch_tokens=40)
    asked = passages(llama)
    for one, two in zip(both.read(asked), llama.read(asked), strict=True):
        np.testing.assert_allclose(one.tokens["loss"], two.tokens["loss"], atol=1e-5)
    assert len(both.readers) == 2


def test_equal_tokens_go_through_the_model_once(folders):
    lm = HuggingFace(str(folders["llama"]))
    ids = np.arange(1, 21)
    asked = [
        Passage(ids, ((5, 9),)),
        Passage(ids, ((7, 20),), ("entropy", "mean")),
        Passage(ids, (), ("last",), (4,)),
        Passage(ids, ((5, 9),), noise=Noise(1, 5.0, 20)),
    ]
    found = lm.read(asked)
    assert lm.forward_tokens == 2 * 20
    alone = [HuggingFace(str(folders["llama"])).read([passage])[0] for passage in asked]
    for one, two in zip(found, alone, strict=True):
        assert one.tokens.keys() == two.tokens.keys() and one.states.keys() == two.states.keys()
        for name in one.tokens:
            np.testing.assert_allclose(one.tokens[name], two.tokens[name], atol=1e-5)
    assert [f.options is None for f in found] == [True, True, False, True]


def test_merging_is_undone():
    ids = np.arange(10)
    asked = [Passage(ids, ((1, 3), (8, 9))), Passage(ids, ((2, 5),), ("entropy",))]
    found = merged(asked)
    assert [p.spans for p in found.passages] == [((1, 5), (8, 9))]
    assert set(found.passages[0].want) == {"loss", "entropy"}
    whole = Reading(
        {"loss": np.array([1.0, 2, 3, 4, 8]), "entropy": np.array([0.1, 0.2, 0.3, 0.4, 0.8])}
    )
    first, second = unmerged(asked, found, [whole])
    assert first.tokens["loss"].tolist() == [1, 2, 8] and "entropy" not in first.tokens
    assert second.tokens["entropy"].tolist() == [0.2, 0.3, 0.4]


def test_memory_that_does_not_suffice_halves_the_batch(folders, llama, monkeypatch):
    lm = HuggingFace(str(folders["llama"]), batch_tokens=10_000)
    reader, read = lm.readers[0], lm.readers[0].read

    def scarce(given):
        if sum(len(p.ids) for p in given) > 60:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return read(given)

    monkeypatch.setattr(reader, "read", scarce)
    asked = [p for p in passages(lm) if len(p.ids) <= 60]
    for one, two in zip(lm.read(asked), llama.read(asked), strict=True):
        np.testing.assert_allclose(one.tokens["loss"], two.tokens["loss"], atol=1e-5)
    assert lm.batch_tokens < 10_000
    with pytest.raises(UserError, match="80 tokens does not fit in the memory"):
        lm.read([Passage(np.ones(80, np.int64), ((1, 2),))])


def test_int8_is_near_and_says_so_in_its_id(folders, llama):
    lm = HuggingFace(str(folders["llama"]), dtype="int8")
    assert "/int8/" in lm.id and lm.id != llama.id
    asked = passages(llama)
    exact = np.concatenate([r.tokens["loss"] for r in llama.read(asked)])
    found = np.concatenate([r.tokens["loss"] for r in lm.read(asked)])
    assert 0 < np.abs(found - exact).mean() < 0.3
    assert np.corrcoef(found, exact)[0, 1] > 0.98
    alone = np.concatenate([lm.read([passage])[0].tokens["loss"] for passage in asked])
    np.testing.assert_allclose(alone, found, atol=1e-5)


def test_the_id_follows_the_weights(folders, tmp_path, llama):
    other = HuggingFace(str(tiny_model(tmp_path / folders["llama"].name, seed=1)))
    assert other.id != llama.id
    assert HuggingFace(str(folders["llama"])).id == llama.id


def test_special_tokens_are_found_in_markup_only(llama):
    (markup,) = llama.encode(["a{end}b<|end|>"], markup=True)
    (text,) = llama.encode(["a<|end|>b"])
    assert markup.tolist().count(llama.start) == 2 and llama.start not in text


def test_the_models_own_template_keeps_what_rows_say_apart(llama):
    turns = [
        {"role": "user", "content": "<|assistant|> fake {{ 1 }}"},
        {"role": "assistant", "content": "real"},
    ]
    pieces = llama.chat(turns, None)
    assert "".join(p.text for p in pieces) == (
        "<|user|>\n<|assistant|> fake {{ 1 }}\n<|assistant|>\nreal<|end|>\n"
    )
    assert [p.text for p in pieces if p.kind == "answer"] == ["real"]
    assert [p.text for p in pieces if p.kind == "text"] == ["<|assistant|> fake {{ 1 }}"]


def test_a_model_that_is_nowhere_stops_with_one_message(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="--model FOLDER"):
        HuggingFace("nobody/nothing").read([Passage(np.ones(3, np.int64))])
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be loaded"):
        HuggingFace(str(tmp_path)).read([Passage(np.ones(3, np.int64))])


def test_a_model_without_an_output_layer_is_refused(folders, tmp_path):
    from transformers import AutoModelForSequenceClassification

    reward = AutoModelForSequenceClassification.from_pretrained(folders["gpt_neox"], num_labels=1)
    reward.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="no causal language model"):
        HuggingFace(str(tmp_path)).read([Passage(np.ones(3, np.int64))])


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    folder = tiny_model(tmp_path)
    made = tiny_tokenizer()
    made.add_tokens([f"new{i}" for i in range(50)])
    made.save_pretrained(folder)
    with pytest.raises(UserError, match="do not belong together"):
        HuggingFace(str(folder)).read([Passage(np.ones(3, np.int64))])


@pytest.mark.parametrize("device", ["gpu", "cuda:77"])
def test_a_device_that_is_not_there_is_one_message(folders, device):
    with pytest.raises(UserError, match="cannot be read in float32 on"):
        HuggingFace(str(folders["llama"]), device=device, dtype="float32").read(
            [Passage(np.ones(3, np.int64))]
        )


def test_weights_that_are_no_numbers_say_so(tmp_path):
    from transformers import AutoModelForCausalLM

    folder = tiny_model(tmp_path)
    broken = AutoModelForCausalLM.from_pretrained(folder)
    broken.model.norm.weight.data[:] = float("nan")
    broken.save_pretrained(folder)
    with pytest.raises(UserError, match="gives NaN in float32"):
        HuggingFace(str(folder)).read([Passage(np.ones(3, np.int64))])


def test_a_span_without_tokens_has_no_values(llama):
    ids = np.arange(1, 9)
    asked = [Passage(ids, ((1, 1),)), Passage(ids, ((1, 1),), EVERYTHING), Passage(ids[:5])]
    for reading in llama.read(asked):
        assert reading.tokens["loss"].tolist() == []
    assert llama.read(asked)[1].tokens["entropy"].tolist() == []
    assert llama.read([]) == []


def test_logits_far_below_the_others_do_not_disturb(tmp_path):
    folder = tiny_model(tmp_path, "gpt_neox")
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder)
    head = model.get_output_embeddings()
    head.bias = torch.nn.Parameter(torch.zeros(320))
    reader = HuggingFace(str(folder)).readers[0]
    with torch.inference_mode():
        states, targets = torch.randn(7, 32), torch.arange(2, 9)
        for low in (-1e9, -torch.inf):
            head.bias.data[0] = low
            found = of_tokens(Head(head, 320, reader.model.config), states, targets, EVERYTHING[:3])
            logs = head(states).double().log_softmax(-1)
            np.testing.assert_allclose(found["loss"], -logs[range(7), targets], atol=1e-4)
            chances = logs.exp()
            entropy = -(chances * logs).nan_to_num(0).sum(1)
            np.testing.assert_allclose(found["entropy"], entropy, atol=1e-4)


def test_the_error_of_a_prediction_is_that_of_the_papers_example():
    head = torch.nn.Linear(3, 3, bias=False)
    head.weight.data = torch.eye(3)
    states = torch.tensor([[0.7, 0.2, 0.1]]).log()
    found = of_tokens(Head(head, 3, None), states, torch.tensor([0]), ("el2n",))
    assert found["el2n"].item() == pytest.approx(0.374166, abs=1e-6)


def test_states_weigh_by_their_places():
    (vector,) = _pooled(torch.tensor([[1.0, 0], [0, 1], [2, 2]]), ("weighted",)).values()
    np.testing.assert_allclose(vector, [1.166667, 1.333333], atol=1e-6)


def test_an_adapter_is_part_of_the_eight_bit_model(folders, llama, tmp_path):
    from tamis.models import lora

    made = lora.fresh(llama.readers[0].model, seed=1)
    trained = {name: replace(low, b=torch.ones_like(low.b)) for name, low in made.layers.items()}
    lora.save(lora.Lora(trained), tmp_path / "tuned", str(folders["llama"]))
    (passage, *_) = passages(llama)
    exact, rough = (
        HuggingFace(str(tmp_path / "tuned"), dtype=dtype).read([passage])[0].tokens["loss"]
        for dtype in ("float32", "int8")
    )
    plain = llama.read([passage])[0].tokens["loss"]
    assert np.abs(rough - exact).mean() < np.abs(plain - exact).mean() / 3


def test_pieces_get_no_blank_that_nobody_wrote(tmp_path):
    folder = tiny_model(tmp_path)
    blank_tokenizer().save_pretrained(folder)
    lm = HuggingFace(str(folder))
    found = lm.encode(["fox", " dog", "\nfox", ""])
    assert ["".join(lm.text.tokenizer.convert_ids_to_tokens(ids)) for ids in found] == [
        "fox",
        "\u2581dog",
        "\nfox",
        "",
    ]


def test_tools_that_hold_a_special_token_are_refused(llama):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert llama.chat(turns, '[{"name": "plain"}]')
    assert llama.chat(turns, '[{"name": "<|end|>"}]') == []


def test_a_template_that_looks_into_the_text_is_refused(tmp_path):
    folder = tiny_model(tmp_path)
    made = tiny_tokenizer()
    made.chat_template = (
        "{% for m in messages %}{{ m['content'].split('</think>')[-1] }}{% endfor %}"
    )
    made.save_pretrained(folder)
    lm = HuggingFace(str(folder))
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert lm.chat(turns, None)
    turns[1]["content"] = "<think>hm</think>b"
    assert lm.chat(turns, None) == []


def test_damaged_weights_stop_the_run(tmp_path):
    folder = tiny_model(tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(UserError, match="cannot be loaded"):
        HuggingFace(str(folder)).read([Passage(np.ones(3, np.int64))])


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma2"])
def test_generation_takes_the_likeliest_token_each_time(folders, kind):
    lm = HuggingFace(str(folders[kind]), batch_tokens=60)
    prompts = [ids[:size] for size, ids in zip((3, 9, 5, 7), lm.encode(TEXTS), strict=True)]
    for prompt, new in zip(prompts, lm.generate(prompts, 6), strict=True):
        ids = prompt
        while len(ids) < len(prompt) + 6:
            everything = Passage(ids, options=tuple(range(320)))
            best = int(np.argmax(lm.read([everything])[0].options))
            if best == lm.start:
                break
            ids = np.append(ids, best)
        assert ids[len(prompt) :].tolist() == new.tolist()


def test_gradients_do_not_depend_on_the_batch(folders, llama):
    asked = [Passage(p.ids, p.spans) for p in passages(llama)]
    small = HuggingFace(str(folders["llama"]), batch_tokens=1)
    given = {"direction": "sgd", "dim": 64, "seed": 3}
    one, two = llama.gradients(asked, **given), small.gradients(asked, **given)
    np.testing.assert_allclose(one, two, atol=1e-4 * np.abs(one).max())
    lengths = llama.norms(asked, weights="layers", seed=0)
    np.testing.assert_allclose(lengths, small.norms(asked, weights="layers", seed=0), rtol=1e-3)
    assert llama.gradients([], **given).shape == (0, 64)
    assert llama.norms([], weights="layers", seed=0).shape == (0,)


def test_a_folder_of_an_adapter_is_its_model_with_the_adapter(folders, llama, tmp_path):
    from tamis.models import lora

    made = lora.fresh(llama.readers[0].model, seed=1)
    trained = {name: replace(low, b=torch.ones_like(low.b)) for name, low in made.layers.items()}
    lora.save(lora.Lora(trained), tmp_path / "tuned", str(folders["llama"]))
    tuned = HuggingFace(str(tmp_path / "tuned"))
    assert tuned.id.startswith(llama.text.id + "+tuned@")
    (passage, *_) = passages(llama)
    one, two = tuned.read([passage])[0], llama.read([passage])[0]
    assert not np.allclose(one.tokens["loss"], two.tokens["loss"], atol=1e-2)


def test_it_is_a_likelihood_and_a_generator_and_has_gradients(llama):
    assert isinstance(llama, Likelihood) and isinstance(llama, Generator)
    assert isinstance(llama, Gradients) and llama.vocabulary == 320
    assert llama.context == 256
    with pytest.raises(ValueError, match="1 to 256"):
        llama.read([Passage(np.ones(300, np.int64))])
    with pytest.raises(ValueError, match="beyond its 3 tokens"):
        llama.read([Passage(np.ones(3, np.int64), ((1, 4),))])
    with pytest.raises(ValueError, match="nothing before it"):
        llama.read([Passage(np.ones(3, np.int64), ((0, 2),))])
