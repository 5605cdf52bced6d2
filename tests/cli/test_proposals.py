"""The proposal card, and the decisions that a person may take: in text, in JSON, and refused by name."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from closedloop.campaign import Campaign
from closedloop.campaign.card import _precedent, boiling, precedents
from closedloop.campaign.precedents import differences, embedded_literature
from closedloop.campaign.reading import find_campaign
from closedloop.cli import main
from closedloop.recipes import Experiment, Outcome, Reagent, Recipe
from closedloop.store import State, Store
from closedloop.synthesis.prediction import Precedent


@pytest.fixture(scope="module")
def proposed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two proposals of the shipped model."""
    folder = tmp_path_factory.mktemp("proposals")
    (folder / "campaign.yaml").write_text(find_campaign("cdse")[1] + "approval: ask\n")
    Campaign.open(folder / "campaign.yaml", store=f"sqlite:///{folder}/lab.db").propose(2)
    return folder


@pytest.fixture
def url(proposed: Path, tmp_path: Path) -> str:
    # The whole folder: what was written last may still lie in the database's log.
    shutil.copytree(proposed, tmp_path / "copy")
    return f"sqlite:///{tmp_path}/copy/lab.db"


def run(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["closedloop", "proposals", *arguments, "--store", url])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


class TestCommands:
    def test_the_card_has_all_that_a_person_needs(
        self, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        status, out, _ = run(url, capsys, monkeypatch, "show", "cdse-0001", "--json")
        assert status == 0
        card = json.loads(out)
        low, high = card["size_interval_nm"]
        assert low < card["predicted_size_nm"] < high
        assert card["relative_spread_interval"][0] < card["relative_spread"] < card["relative_spread_interval"][1]
        assert sum(card["shape_probabilities"].values()) == pytest.approx(1)
        assert 0 < card["chance_of_hit"] <= card["success_probability"] <= 1
        assert len(card["precedents"]) == 3
        for precedent in card["precedents"]:
            assert precedent["source"]
            assert precedent["differences"]
        assert card["acquisition"]["motive"] in ("exploitation", "exploration")
        assert card["outlook"]["advice"]
        _, text, _ = run(url, capsys, monkeypatch, "show", "cdse-0001")
        for said in (f"{card['predicted_size_nm']:.2f} nm", card["precedents"][0]["source"], "chance of a hit", "mL"):
            assert said in text
        for warning in card["warnings"]:
            assert warning in text

    def test_an_edited_recipe_is_scored_again_and_goes_on_under_a_new_id(
        self, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = json.loads(run(url, capsys, monkeypatch, "show", "cdse-0001", "--json")[1])
        arguments = ("edit", "cdse-0001", "--set", "OA=2.1", "--set", "reaction_temperature_c=200", "--set", "CdO=0.2")
        status, out, _ = run(url, capsys, monkeypatch, *arguments, "--json")
        assert status == 0
        card = json.loads(out)
        assert card["id"] == "cdse-0003"
        assert {r["name"]: r["amount_mmol"] for r in card["recipe"]["reagents"]}["oleic acid"] == 2.1
        assert card["recipe"]["reaction_temperature_c"] == 200
        assert card["predicted_size_nm"] != before["predicted_size_nm"]
        store = Store.open(url)
        assert store.experiment("cdse-0001").state is State.FAILED
        assert "goes on as cdse-0003" in store.experiment("cdse-0001").note
        assert "goes on as cdse-0003\n" in run(url, capsys, monkeypatch, "show", "cdse-0001")[1]
        listed = json.loads(run(url, capsys, monkeypatch, "list", "--json")[1])
        assert [each["id"] for each in listed] == ["cdse-0002", "cdse-0003"]

    @pytest.mark.parametrize(
        ("settings", "name", "words"),
        [
            (["oleic acid=20"], "RecipeBreaksLimits", "oleic acid (flask) 20 mmol is outside the campaign's 1.6 to 8"),
            (["reaction_temperature_c=400"], "RecipeBreaksLimits", "above the limit of 320"),
            (["CdO=0.6", "OA=1.7"], "RecipeBreaksLimits", "'oleic acid >= 4 * cadmium oxide' is broken"),
            (["heating_rate_c_per_min=12"], "RecipeBreaksLimits", "fixed 10"),
            (["reaction_temperature_c=-400"], "EditNotReadable", "-400 °C is below absolute zero"),
            (["reaction_time_min=-4"], "EditNotReadable", "cannot be negative"),
            (["oleic acid=1e308"], "RecipeBreaksLimits", "oleic acid"),
            (["oleic acid"], "EditNotReadable", "not NAME=VALUE"),
            (["oleic acid=much"], "EditNotReadable", "not a number"),
            (["oleic acid=nan"], "EditNotReadable", "not an amount"),
            (["lead oxide=1"], "EditNotReadable", "not in this campaign's space"),
            (["frobnitz=1"], "EditNotReadable", "neither a chemical nor a condition"),
            (["CdO=0.3", "cadmium oxide=0.4"], "EditNotReadable", "twice"),
        ],
    )
    def test_an_edit_outside_the_limits_is_refused_by_name_and_changes_nothing(
        self,
        settings: list[str],
        name: str,
        words: str,
        url: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        options = [part for setting in settings for part in ("--set", setting)]
        status, out, err = run(url, capsys, monkeypatch, "edit", "cdse-0001", *options)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"{name}: ")
        assert words in err
        assert [record.state for record in Store.open(url).experiments()] == [State.PROPOSED] * 2

    def test_a_proposal_that_newer_limits_forbid_is_not_approved(
        self, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recipe = json.loads(run(url, capsys, monkeypatch, "show", "cdse-0001", "--json")[1])["recipe"]
        coolest = recipe["injection_temperature_c"] - 1
        text = (tmp_path / "copy" / "campaign.yaml").read_text()
        narrower = tmp_path / "narrower.yaml"
        narrower.write_text(text.replace("max_temperature_c: 320", f"max_temperature_c: {coolest:g}"))
        Campaign.open(narrower, store=url)
        status, out, err = run(url, capsys, monkeypatch, "approve", "cdse-0001", "--json")
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert err.startswith("RecipeBreaksLimits: cdse-0001")
        assert f"above the limit of {coolest:g} °C" in err
        assert Store.open(url).experiment("cdse-0001").state is State.PROPOSED
        assert run(url, capsys, monkeypatch, "veto", "cdse-0001")[0] == 0

    def test_approved_ones_can_no_longer_be_edited_and_a_veto_keeps_its_reason(
        self, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        approved = json.loads(run(url, capsys, monkeypatch, "approve", "cdse-0001", "--json")[1])
        assert approved["status"] == "approved"
        status, _, err = run(url, capsys, monkeypatch, "edit", "cdse-0001", "--set", "OA=3")
        assert (status, err.split(":")[0]) == (2, "NotProposed")
        vetoed = json.loads(run(url, capsys, monkeypatch, "veto", "cdse-0002", "--why", "no TOP", "--json")[1])
        assert vetoed["failure_cause"] == "abandoned"
        assert "no TOP" in vetoed["note"]
        shown = run(url, capsys, monkeypatch, "show", "cdse-0002")[1]
        assert shown.startswith("cdse-0002: failed; abandoned: vetoed by a person (no TOP)\n")

    def test_what_the_lab_has_begun_is_not_vetoed(
        self, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = Store.open(url)
        for state in (State.APPROVED, State.CHECKED, State.RUNNING):
            store.move("cdse-0001", state)
        status, out, err = run(url, capsys, monkeypatch, "veto", "cdse-0001")
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert err.startswith("NotProposed: cdse-0001 is being made")
        assert "Ctrl-C" in err
        assert store.experiment("cdse-0001").state is State.RUNNING
        assert store.outcomes("cdse-0001") == []


def test_a_liquid_that_would_boil_is_named() -> None:
    recipe = Recipe(
        product="CdSe",
        reagents=(Reagent(name="toluene", amount_mmol=10), Reagent(name="1-octadecene", amount_mmol=40)),
        injection_temperature_c=100,
        reaction_temperature_c=240,
    )
    assert boiling(recipe) == ["240 °C is above the boiling point of toluene (110.6 °C at 1 atm)"]
    near = recipe.model_copy(update={"reaction_temperature_c": 305.0})
    assert "near the boiling point of 1-octadecene" in boiling(near)[1]


def test_differences_are_told_at_one_scale() -> None:
    def made(factor: float, acid: float, **conditions: float) -> Recipe:
        amounts = {"cadmium oxide": 0.1 * factor, "oleic acid": acid * factor, "selenium": 0.4 * factor}
        reagents = tuple(Reagent(name=name, amount_mmol=amount) for name, amount in amounts.items())
        return Recipe.model_validate({"product": "CdSe", "reagents": reagents} | conditions)

    said = differences(
        made(3, 2, reaction_temperature_c=250, reaction_time_min=5),
        made(1, 1, reaction_temperature_c=270, reaction_time_min=5.1),
    )
    assert said == ["3 times the scale", "2 times the oleic acid", "kept 20 °C cooler"]
    assert differences(made(1, 1), made(1, 1)) == []
    assert differences(made(1, 1, heating_rate_c_per_min=10), made(1, 1, heating_rate_c_per_min=5)) == [
        "10 °C/min instead of 5"
    ]
    assert differences(made(1, 1, reaction_time_min=5), made(1, 1, reaction_time_min=0)) == ["5 min instead of 0"]


def test_what_is_not_known_of_a_precedent_is_no_agreement() -> None:
    def made(acid: float | None, **conditions: float) -> Recipe:
        reagents = (Reagent(name="selenium", amount_mmol=1), Reagent(name="oleic acid", amount_mmol=acid))
        return Recipe.model_validate({"product": "CdSe", "reagents": reagents} | conditions)

    assert differences(made(2), made(None)) == ["its amount of oleic acid is unknown"]
    assert differences(made(None), made(2)) == ["the amount of oleic acid is unknown here"]
    assert differences(made(2), made(0)) == ["with oleic acid"]
    assert differences(made(0), made(2)) == ["without oleic acid"]
    assert differences(made(2, reaction_time_min=5), made(2)) == ["its reaction time is unknown"]
    assert differences(made(2), made(2, reaction_temperature_c=200)) == ["no reaction temperature is given here"]


def test_a_precedent_that_may_be_any_of_several_recipes_is_said_to_be() -> None:
    def made(acid: float, size_nm: float = 2.5) -> Experiment:
        others = (Reagent(name="selenium", amount_mmol=1), Reagent(name="cadmium oxide", amount_mmol=1))
        reagents = (*others, Reagent(name="oleic acid", amount_mmol=acid))
        recipe = Recipe(product="CdSe", reagents=reagents, reaction_temperature_c=200)
        return Experiment(recipe=recipe, outcome=Outcome(success=True, size_nm=size_nm), source="a paper")

    class Model:
        def nearest_precedents(self, recipe: Recipe, count: int) -> list[Precedent]:
            return [Precedent("a paper", "CdSe", 2.5, 0.9), Precedent("another", "CdSe", 2.5, 0.8)]

    known = [made(2), made(2), made(4), made(8), made(2.1, size_nm=3.0)]
    first, second = precedents(Model(), made(4.1).recipe, known)  # type: ignore[arg-type]
    assert (first["recipes"], first["differences"]) == (3, [])
    assert (second["recipes"], second["differences"]) == (0, None)
    assert _precedent(first).endswith(
        "one of 3 recipes of that source with that size; beside the nearest of them this one: the same within 15%"
    )
    (alone, _) = precedents(Model(), made(4).recipe, [made(2)])  # type: ignore[arg-type]
    assert _precedent(alone).endswith("(likeness 0.90); this one: 2 times the oleic acid")


def test_a_precedent_of_another_product_that_ships_is_at_hand() -> None:
    published = next(e for e in embedded_literature() if e.outcome.size_nm)

    class Model:
        def nearest_precedents(self, recipe: Recipe, count: int) -> list[Precedent]:
            size = published.outcome.size_nm or 0.0
            return [Precedent(source=published.source, product=published.recipe.product, size_nm=size, likeness=0.2)]

    recipe = Recipe(product="CsPbBr3", reagents=(Reagent(name="lead bromide", amount_mmol=0.2),))
    (said,) = precedents(Model(), recipe, [])  # type: ignore[arg-type]
    assert said["recipes"] >= 1
    assert "with lead bromide" in said["differences"]
    assert "not at hand" not in _precedent(said)
