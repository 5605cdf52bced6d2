"""Attention weights are those with which the network mixes, and their averages count what they say they count."""

import numpy as np
import pytest
import torch

from closedloop.recipes import Experiment, Reagent, Recipe, Role
from closedloop.synthesis import SynthesisModel
from closedloop.synthesis.explanation import KINDS, NoPrecedents, attention
from closedloop.synthesis.network import Layer, Settings
from closedloop.synthesis.training import shared, to_tokens


def recipe(*roles: Role | None, product: str = "CdSe") -> Recipe:
    return Recipe(
        product=product,
        reagents=tuple(Reagent(name=f"chemical {i}", amount_mmol=1.0 + i, role=role) for i, role in enumerate(roles)),
        reaction_temperature_c=200.0,
    )


def test_a_layer_mixes_values_with_these_weights() -> None:
    torch.manual_seed(0)
    layer = Layer(Settings(members=2, width=8, heads=2)).eval()
    x, present = torch.randn(2, 3, 5, 8), torch.ones(2, 3, 5, dtype=torch.bool)
    present[:, 1, 3:] = False
    with torch.no_grad():
        weights = layer.attention(x, present)
        assert weights.shape == (2, 3, 2, 5, 5)
        assert weights.sum(-1) == pytest.approx(np.ones((2, 3, 2, 5)), abs=1e-5)
        assert not weights[:, 1, :, :, 3:].any()
        value = layer.query_key_value(layer.norm_1(x))[..., 16:].reshape(2, 3, 5, 2, 4).transpose(2, 3)
        mixed = x + layer.out((weights @ value).transpose(2, 3).reshape(2, 3, 5, 8))
        by_hand = mixed + layer.down(torch.nn.functional.gelu(layer.up(layer.norm_2(mixed))))
        assert torch.allclose(layer(x, present), by_hand, atol=1e-5)


def test_the_network_gives_one_set_of_weights_a_layer(model: SynthesisModel) -> None:
    arrays = model.vocabulary.encode([recipe(Role.LIGAND), recipe(Role.LIGAND, None, Role.SOLVENT)])
    with torch.no_grad():
        found = model.network.attention(shared(to_tokens(arrays, torch.device("cpu")), model.network.settings.members))
    # CLS, product, four conditions, three places for reagents, of which the first recipe fills one.
    assert [layer.shape for layer in found] == [(model.network.settings.members, 2, 4, 9, 9)] * 2
    assert not found[1][:, 0, :, :, 7:].any()


def test_it_is_the_answer_token_that_looks(model: SynthesisModel) -> None:
    one = recipe(Role.LIGAND, Role.SOLVENT, Role.LIGAND)
    with torch.no_grad():
        tokens = shared(to_tokens(model.vocabulary.encode([one]), torch.device("cpu")), model.network.settings.members)
        looks = [layer[:, 0, :, 0].mean((0, 1)).numpy() for layer in model.network.attention(tokens)]
    found = attention(model, [one])
    for layer, share in enumerate(looks):
        assert found.share[:6, layer] == pytest.approx(share[:6], abs=1e-6)
        assert found.share[KINDS.index("ligand"), layer] == pytest.approx(share[6] + share[8], abs=1e-6)
        assert found.share[KINDS.index("solvent"), layer] == pytest.approx(share[7], abs=1e-6)
        kinds = [*KINDS[:6], "ligand", "solvent", "ligand"]
        assert found.first[KINDS.index(kinds[1 + share[1:].argmax()]), layer] == 1


def test_shares_add_up_and_do_not_depend_on_company_or_order(model: SynthesisModel) -> None:
    short, long = recipe(Role.LIGAND), recipe(Role.SOLVENT, Role.LIGAND, Role.CATION_PRECURSOR, None, Role.LIGAND)
    both, apart = attention(model, [short, long]), [attention(model, [one]) for one in (short, long)]
    assert both.share.sum(0) == pytest.approx(np.ones(2))
    assert both.first.sum(0) == pytest.approx(np.ones(2))
    assert both.share == pytest.approx((apart[0].share + apart[1].share) / 2, abs=1e-6)
    turned = long.model_copy(update={"reagents": long.reagents[::-1]})
    assert attention(model, [turned]).share == pytest.approx(apart[1].share, abs=1e-6)
    assert dict(zip(KINDS, both.present.tolist(), strict=True))["ligand"] == 2
    assert dict(zip(KINDS, both.present.tolist(), strict=True))["solvent"] == 1
    solvent = KINDS.index("solvent")
    assert both.per_token[solvent] == pytest.approx(apart[1].per_token[solvent], abs=1e-6)


def test_even_attention_is_one_for_every_token(literature: list[Experiment], model: SynthesisModel) -> None:
    """With queries of nothing every token is looked at alike."""
    blind = SynthesisModel.__new__(SynthesisModel)
    blind.__dict__.update(model.__dict__)
    blind.network = type(model.network)(
        model.network.settings, len(model.vocabulary.chemicals), model.vocabulary.amount_centre, 1.0
    ).eval()
    with torch.no_grad():
        for layer in blind.network.layers:
            layer.query_key_value.weight[:, :, : model.network.settings.width] = 0
            layer.query_key_value.bias[:, :, : model.network.settings.width] = 0
    found = attention(blind, [recipe(Role.LIGAND, Role.LIGAND, Role.SOLVENT), recipe(Role.SOLVENT)])
    here = found.present > 0
    assert found.per_token[here] == pytest.approx(np.ones((here.sum(), 2)), abs=1e-5)
    assert np.isnan(found.per_token[~here]).all()
    ligand, solvent = KINDS.index("ligand"), KINDS.index("solvent")
    assert found.share[ligand] == pytest.approx([(2 / 9 + 0) / 2] * 2, abs=1e-5)
    assert found.share[solvent] == pytest.approx([(1 / 9 + 1 / 7) / 2] * 2, abs=1e-5)
    by_kind = {one["kind"]: one for one in found.to_json()["kinds"]}  # type: ignore[attr-defined]
    assert by_kind["additive"]["per_token"] is None


def test_no_recipe_has_no_attention(model: SynthesisModel) -> None:
    with pytest.raises(NoPrecedents):
        attention(model, [])
