import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tamis.errors import UserError
from tamis.protocols import Passage

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tamis.models import lora as adapters  # noqa: E402
from tamis.models import persample  # noqa: E402
from tamis.models.hub import ADAPTER  # noqa: E402
from tamis.models.layout import Block  # noqa: E402
from tamis.models.lora import Lora, Low  # noqa: E402
from tamis.models.moments import Adam, step  # noqa: E402
from tamis.models.persample import Trainable, each_layer, gradients, norms  # noqa: E402
from tamis.models.projection import project  # noqa: E402

SHARED = Path(os.environ.get("TAMIS_SHARED", Path(__file__).parents[4] / "shared"))
SIZES = ((9, (4, 9)), (5, (1, 5)), (14, (3, 4)), (9, (2, 8)))


def gpt2():
    config = transformers.GPT2Config(
        vocab_size=61, n_positions=32, n_embd=24, n_layer=2, n_head=3, bos_token_id=0
    )
    torch.manual_seed(0)
    return transformers.GPT2LMHeadModel(config).eval()


def llama():
    config = transformers.LlamaConfig(
        vocab_size=61,
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=32,
    )
    torch.manual_seed(1)
    return transformers.LlamaForCausalLM(config).eval()


def stories():
    folder = SHARED / "models/stories260K/hf"
    if not folder.is_dir():
        pytest.skip("the model stories260K is absent")
    return transformers.AutoModelForCausalLM.from_pretrained(folder).eval()


@pytest.fixture(params=[gpt2, llama, stories], ids=lambda made: made.__name__)
def model(request):
    return request.param()


@pytest.fixture
def small():
    return llama()


def passages(vocabulary=61):
    drawn = np.random.default_rng(5)
    return [Passage(drawn.integers(0, vocabulary, n), (span,)) for n, span in SIZES]


def padded(model):
    """Last states of texts padded on the right."""

    def states(asked):
        width = max(len(p.ids) for p in asked)
        ids = torch.zeros(len(asked), width, dtype=torch.int64)
        for row, p in enumerate(asked):
            ids[row, : len(p.ids)] = torch.from_numpy(p.ids)
        found = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        return found.flatten(0, 1), [row * width for row in range(len(asked))]

    return states


def packed(model):
    """Last states of texts end to end, without padding."""
    packing = pytest.importorskip("tamis.models.packing")
    packing.register()
    model.set_attn_implementation(packing.NAME)

    def states(asked):
        sizes = [len(p.ids) for p in asked]
        ids = torch.from_numpy(np.concatenate([p.ids for p in asked]))[None]
        places = torch.cat([torch.arange(size) for size in sizes])[None]
        with packing.texts([Block(0, (size,)) for size in sizes]):
            found = model.base_model(input_ids=ids, position_ids=places, use_cache=False)
        return found.last_hidden_state.flatten(0, 1), np.cumsum([0, *sizes[:-1]]).tolist()

    return states


def trained(model, seed=3):
    """Adapters whose A and B are both random, with moments."""
    drawn = torch.Generator().manual_seed(seed)

    def like(tensor, scale):
        return torch.randn(tensor.shape, generator=drawn) * scale

    layers = {}
    for name, low in adapters.fresh(model, rank=3, alpha=6).layers.items():
        moments = tuple((like(x, 1e-2), like(x, 1e-2) ** 2) for x in (low.a, low.b))
        layers[name] = Low(like(low.a, 0.2), like(low.b, 0.2), low.scale, moments)
    return Lora(layers)


def one_by_one(model, lora, asked):
    """The same gradients by autograd on real parameters, a passage at a time: (part, row) -> g."""
    named = dict(model.named_modules())
    pairs, handles = [], []
    for name, low in lora.layers.items():
        a, b = (torch.nn.Parameter(x.clone()) for x in (low.a, low.b))
        pairs += [a, b]

        def hook(_, inputs, output, a=a, b=b, scale=low.scale):
            return output + scale * (inputs[0] @ a.T) @ b.T

        handles.append(named[name].register_forward_hook(hook))
    found = {}
    for row, p in enumerate(asked):
        logits = model(input_ids=torch.from_numpy(p.ids)[None]).logits[0]
        at = torch.cat([torch.arange(a, b) for a, b in p.spans])
        loss = torch.nn.functional.cross_entropy(logits[at - 1], torch.from_numpy(p.ids)[at])
        for part, gradient in enumerate(torch.autograd.grad(loss, pairs)):
            found[part, row] = gradient.flatten()
    for handle in handles:
        handle.remove()
    return found


def collected(model, states, lora, asked):
    """(part, row) -> gradient out of one backward pass."""
    found = {}

    def take(part, vectors, m, v):
        for row, vector in enumerate(vectors):
            found[part, row] = vector

    each_layer(model, states, model.get_output_embeddings(), lora, asked, take)
    return found


def assert_the_same(found, wanted):
    assert found.keys() == wanted.keys()
    largest = max(float(g.abs().max()) for g in wanted.values())
    for key, gradient in wanted.items():
        assert float((found[key] - gradient).abs().max()) < 1e-5 * largest, key


@pytest.mark.parametrize("layout", [padded, packed], ids=lambda made: made.__name__)
def test_one_backward_pass_is_the_loop_over_passages(model, layout):
    lora = trained(model)
    wanted = one_by_one(model, lora, passages())
    states = layout(model)
    undo = adapters.adapt(model, lora)
    found = collected(model, states, lora, passages())
    undo()
    assert_the_same(found, wanted)


def test_a_fresh_adapter_has_a_gradient_of_b_alone(model):
    lora = adapters.fresh(model)
    wanted = one_by_one(model, lora, passages())
    assert all(not g.any() for (part, _), g in wanted.items() if part % 2 == 0)
    found = collected(model, padded(model), lora, passages())
    assert_the_same(found, {k: g for k, g in wanted.items() if k[0] % 2})


def test_a_fresh_adapter_changes_nothing(small):
    ids = torch.arange(7)[None]
    before = small(ids).logits
    adapters.adapt(small, adapters.fresh(small))
    assert torch.equal(small(ids).logits, before)


def test_a_fresh_adapter_is_drawn_from_its_seed_as_the_peft_library_draws(small):
    one, same, other = (adapters.fresh(small, seed=seed).layers for seed in (4, 4, 5))
    name = "model.layers.1.mlp.down_proj"
    assert torch.equal(one[name].a, same[name].a) and not torch.equal(one[name].a, other[name].a)
    bound = 40**-0.5  # kaiming_uniform with a = sqrt(5)
    assert 0.9 * bound < float(one[name].a.abs().max()) <= bound


def test_adapters_sit_beside_every_linear_layer_but_the_last(small):
    kinds = {name.rsplit(".", 1)[1] for name in adapters.fresh(small).layers}
    assert kinds == {*"q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split()}


def test_norms_are_those_of_the_layers_weights(model):
    wanted = []
    layers = list(adapters.linear_layers(model).values())
    for p in passages():
        logits = model(input_ids=torch.from_numpy(p.ids)[None]).logits[0]
        at = torch.arange(*p.spans[0])
        loss = torch.nn.functional.cross_entropy(logits[at - 1], torch.from_numpy(p.ids)[at])
        found = torch.autograd.grad(loss, [layer.weight for layer in layers])
        wanted.append(sum(float((g.double() ** 2).sum()) for g in found) ** 0.5)
    found = norms(model, padded(model), model.get_output_embeddings(), passages())
    assert found == pytest.approx(wanted, rel=1e-5)


def test_both_ways_to_a_norm_agree():
    from tamis.models.persample import _square

    drawn = torch.Generator().manual_seed(0)
    x, d = (torch.randn(30, width, generator=drawn) for width in (50, 70))
    short = [_square(x[:n], d[:n]) for n in (4, 30)]  # products of tokens, and the matrix itself
    matrices = [float((d[:n].T @ x[:n]).square().sum()) for n in (4, 30)]
    assert short == pytest.approx(matrices, rel=1e-5)


def test_norms_of_adapters_are_lengths_of_their_gradients(small):
    lora = trained(small)
    wanted = one_by_one(small, lora, passages())
    undo = adapters.adapt(small, lora)
    found = norms(small, padded(small), small.get_output_embeddings(), passages(), lora)
    undo()
    for row in range(len(SIZES)):
        square = sum(float((g.double() ** 2).sum()) for (_, r), g in wanted.items() if r == row)
        assert found[row] == pytest.approx(square**0.5, rel=1e-5)


def projected(model, asked, lora=None, **given):
    lora = lora or adapters.fresh(model)
    head = model.get_output_embeddings()
    return gradients(model, padded(model), head, lora, asked, **given)


@pytest.mark.parametrize("projection", ["sketch", "rademacher"])
def test_a_passage_does_not_see_its_neighbours(small, projection):
    asked = passages()
    together = projected(small, asked, dim=64, projection=projection)
    alone = np.concatenate(
        [projected(small, [p], dim=64, projection=projection) for p in reversed(asked)]
    )[::-1]
    assert np.abs(together - alone).max() < 1e-5 * np.abs(together).max()


@pytest.mark.parametrize("b", [1, 0])
@pytest.mark.parametrize("direction", ["sgd", "adam", "adam_outside"])
def test_what_comes_back_is_the_projected_step_of_each_gradient(small, direction, b):
    layers = {n: replace(low, b=low.b * b) for n, low in trained(small).layers.items()}
    lora = Lora({name: low.to(torch.device("cpu")) for name, low in layers.items()})
    wanted = torch.zeros(len(SIZES), 256)
    moments = [pair for low in lora.layers.values() for pair in low.moments]
    for (part, row), g in one_by_one(small, lora, passages()).items():
        moved = step(g, *(x.flatten() for x in moments[part]), direction)
        project(moved[None], part, wanted[row : row + 1], 7, "sketch")
    undo = adapters.adapt(small, lora)
    found = projected(small, passages(), lora, direction=direction, dim=256, seed=7)
    undo()
    assert np.abs(found - wanted.numpy()).max() < 1e-4 * wanted.abs().max()


@pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 0.05), ("float16", 0.002)])
def test_half_precision_keeps_small_gradients(small, dtype, tolerance):
    small.model.norm.weight.data *= 0.01  # below what float16 tells apart, unless scaled
    asked = [Passage(np.random.default_rng(2).integers(0, 61, 32), ((1, 32),))]
    wanted = projected(small, asked, dim=4096)[0]
    found = projected(small.to(getattr(torch, dtype)), asked, dim=4096)[0]
    assert np.linalg.norm(found - wanted) < tolerance * np.linalg.norm(wanted)


def test_logits_a_few_tokens_at_a_time_change_nothing(small, monkeypatch):
    asked = [*passages(), *passages()[::-1]]
    whole = projected(small, asked, dim=64)
    monkeypatch.setattr(persample, "LOGITS", 61)
    assert np.abs(projected(small, asked, dim=64) - whole).max() < 1e-5 * np.abs(whole).max()


def trainable(model, folder=None):
    return Trainable(model, padded(model), model.get_output_embeddings(), folder)


HOW = {"dim": 64, "seed": 0, "projection": "sketch"}


def test_a_trained_adapter_comes_from_its_folder_and_is_in_the_model(small, tmp_path):
    lora = trained(small)
    adapters.save(lora, tmp_path, "base")
    undo = adapters.adapt(small, lora)
    wanted = projected(small, passages(), lora, direction="adam", **HOW)
    undo()
    found = trainable(small, tmp_path).gradients(passages(), direction="adam", **HOW)
    assert np.allclose(found, wanted, rtol=1e-5)


def test_a_new_adapter_follows_the_seed(small):
    lm = trainable(small)
    one, two, again = (lm.norms(passages(), weights="adapter", seed=seed) for seed in (0, 1, 0))
    assert np.array_equal(one, again) and not np.allclose(one, two)


def test_norms_of_layers_do_not_see_the_seed(small):
    lm = trainable(small)
    one, two = (lm.norms(passages(), weights="layers", seed=seed) for seed in (0, 1))
    assert np.array_equal(one, two)


def test_adam_without_moments_is_refused_by_name(small):
    with pytest.raises(UserError, match="direction=adam needs Adam's moments"):
        projected(small, passages(), direction="adam")


def test_parameters_are_left_as_they_were(small):
    small.lm_head.weight.requires_grad_(False)
    before = {name: p.requires_grad for name, p in small.named_parameters()}
    projected(small, passages(), dim=16)
    assert {name: p.requires_grad for name, p in small.named_parameters()} == before
    assert all(p.grad is None for p in small.parameters())
    assert not any(m._forward_hooks for m in small.modules())


def test_a_layer_that_does_not_see_every_token_is_refused(small):
    small.model.layers[0].mlp.register_forward_pre_hook(lambda _, given: (given[0][:, :3],))
    small.model.layers[0].mlp.register_forward_hook(
        lambda _, given, out: torch.nn.functional.pad(out, (0, 0, 0, 11))
    )
    with pytest.raises(UserError, match="does not see every token once"):
        projected(small, passages(), dim=16)


def test_a_passage_without_scored_tokens_is_a_fault(small):
    with pytest.raises(ValueError, match="without scored tokens"):
        projected(small, [Passage(np.arange(5))])


def test_a_folder_gives_back_what_was_saved(small, tmp_path):
    lora = trained(small)
    adapters.save(lora, tmp_path, "some/base")
    assert json.loads((tmp_path / ADAPTER).read_text())["base_model_name_or_path"] == "some/base"
    back = adapters.load(tmp_path, small)
    assert back.has_moments and back.adam == Adam()
    for name, low in lora.layers.items():
        assert torch.equal(back.layers[name].a, low.a) and torch.equal(back.layers[name].b, low.b)
        assert back.layers[name].scale == low.scale
        for mine, theirs in zip(back.layers[name].moments, low.moments, strict=True):
            assert torch.equal(mine[0], theirs[0]) and torch.equal(mine[1], theirs[1])


def test_an_adapter_without_moments_loads(small, tmp_path):
    adapters.save(adapters.fresh(small), tmp_path, "base")
    assert not adapters.load(tmp_path, small).has_moments


def test_an_adapter_of_another_model_is_refused(small, tmp_path):
    adapters.save(adapters.fresh(gpt2()), tmp_path, "base")
    with pytest.raises(UserError, match="which is no adapter of a linear layer"):
        adapters.load(tmp_path, small)


def test_an_adapter_that_is_more_than_low_rank_is_refused(small, tmp_path):
    adapters.save(adapters.fresh(small), tmp_path, "base")
    config = json.loads((tmp_path / ADAPTER).read_text()) | {"use_dora": True}
    (tmp_path / ADAPTER).write_text(json.dumps(config))
    with pytest.raises(UserError, match="an adapter with use_dora"):
        adapters.load(tmp_path, small)


def test_patterns_and_rank_stabilisation_set_the_scale(small, tmp_path):
    adapters.save(adapters.fresh(small, rank=4, alpha=8), tmp_path, "base")
    path = tmp_path / ADAPTER
    said = {"use_rslora": True, "alpha_pattern": {"q_proj": 6}}
    path.write_text(json.dumps(json.loads(path.read_text()) | said))
    scales = {
        n.rsplit(".", 1)[1]: x.scale for n, x in adapters.load(tmp_path, small).layers.items()
    }
    assert scales["q_proj"] == 3 and scales["k_proj"] == 4
