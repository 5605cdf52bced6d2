"""``closedloop explain``: every way to give a recipe, JSON alone on standard output, and errors of one line."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from closedloop.cli import main
from closedloop.cli.explain import app
from closedloop.cli.explain_recipe import RecipeNotReadable
from closedloop.literature import load_experiments
from closedloop.recipes import Recipe
from closedloop.synthesis import SynthesisModel
from closedloop.synthesis.network import Settings
from closedloop.synthesis.training import Schedule

HEADER = "id,product,reagents,injection_temperature_c,reaction_temperature_c,reaction_time_min,size_nm,shape,success\n"
WORDS = [
    "--product",
    "CdSe",
    "--reagents",
    "CdO=0.2; OA=2; ODE=; Se powder=0.4 syringe",
    "--reaction-temperature",
    "250",
]


def table(rows: int) -> str:
    lines = [
        f"run-{i},CdSe,CdO=0.{1 + i % 3}; oleic acid={1 + i % 5}; ODE=30; Se powder=0.{2 + i % 4} syringe,"
        f"{220 + 10 * (i % 7)},{220 + 10 * (i % 8)},{1 + i},{2.5 + 0.1 * i:.1f},{'sphere' if i % 3 else 'rod'},true\n"
        for i in range(rows)
    ]
    return HEADER + "".join(lines)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of experiments and a small model that learned from it."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("explain")
    (folder / "runs.csv").write_text(table(24))
    made = SynthesisModel.fit(
        load_experiments(folder / "runs.csv"),
        schedule=Schedule(steps=10),
        settings=Settings(members=2, width=16, heads=2),
        device="cpu",
    )
    made.save(folder / "model.safetensors")
    return folder


def call(place: Path, command: str, *arguments: str, text: str | None = None, data: bool = True) -> Result:
    given = [command, *arguments, "--model", str(place / "model.safetensors")]
    if data:
        given += ["--data", str(place / "runs.csv")]
    return CliRunner().invoke(app, given, input=text)


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_shares_as_json_add_up(place: Path) -> None:
    said = answer(call(place, "shapley", *WORDS, "--json"))
    assert said["reference"] + sum(one["value"] for one in said["contributions"]) == pytest.approx(said["prediction"])
    assert said["unit"] == "nm"
    recipe = Recipe.model_validate(said["recipe"])
    assert [r.amount_mmol for r in recipe.reagents] == [0.2, 2.0, None, 0.4]
    model = SynthesisModel.load(place / "model.safetensors")
    assert said["prediction"] == pytest.approx(model.predict([recipe])[0].size_nm)
    by_name = {one["name"]: one for one in said["contributions"]}
    assert by_name["ODE"]["yours"] == "amount unknown"
    assert by_name["reaction temperature"]["kind"] == "condition"


def test_the_same_recipe_in_three_ways(place: Path, tmp_path: Path) -> None:
    row = load_experiments(place / "runs.csv")[7]
    bare, whole = tmp_path / "recipe.json", json.dumps({"id": "x", "recipe": row.recipe.model_dump(mode="json")})
    bare.write_text(row.recipe.model_dump_json())
    ways = [
        call(place, "shapley", str(bare), "--json"),
        call(place, "shapley", "-", "--json", text=whole),
        call(place, "shapley", str(place / "runs.csv"), "--id", "run-7", "--json"),
        call(place, "shapley", "--id", "run-7", "--json"),
    ]
    said = [answer(way) for way in ways]
    assert said[0]["recipe"] == row.recipe.model_dump(mode="json")
    assert all(one == said[0] for one in said)


def test_the_chance_of_a_shape(place: Path) -> None:
    said = answer(call(place, "shapley", *WORDS, "--of", "shape", "--shape", "rod", "--json"))
    assert said["quantity"] == "chance of rod"
    assert 0 <= said["prediction"] <= 1


def test_a_sweep_over_two_things(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweep.html"
    axes = ("--x", "oleic acid=0:20:5", "--y", "reaction time=1:60:3")
    said = answer(call(place, "sweep", *WORDS, *axes, "--json", "--out", str(out)))
    assert said["x"] == {"name": "oleic acid", "unit": "mmol", "values": [0, 5, 10, 15, 20], "own": 2.0}
    assert said["y"]["own"] is None
    assert [len(said["size_nm"]), len(said["size_nm"][0])] == [3, 5]
    # A recipe without its ligand is likelier to fail than one with it.
    assert all(row[0] < min(row[1:]) for row in said["success"])
    assert sum(grid[1][2] for grid in said["shapes"].values()) == pytest.approx(1)
    assert "<svg" in out.read_text(encoding="utf-8")


def test_attention_of_all_or_of_one(place: Path) -> None:
    every, one = answer(call(place, "attention", "--json")), answer(call(place, "attention", *WORDS, "--json"))
    assert (every["recipes"], one["recipes"]) == (24, 1)
    for said in (every, one):
        for layer in range(said["layers"]):
            assert sum(kind["share"][layer] for kind in said["kinds"]) == pytest.approx(1, abs=1e-5)
    assert "not what decides" in every["caution"]


def test_in_words_for_a_person(place: Path) -> None:
    shown = " ".join(call(place, "shapley", *WORDS).stdout.split())
    assert "Predicted size:" in shown
    assert "Se powder 0.4 mmol" in shown
    assert "explain the model, not the chemistry" in shown
    assert "largest" in call(place, "sweep", *WORDS, "--x", "OA=0:5").stdout
    assert "ligand" in call(place, "attention").stdout


@pytest.mark.parametrize(
    ("arguments", "name", "words"),
    [
        (["sweep", *WORDS, "--x", "oleylamine=0:5"], "UnknownAxis", "not in the recipe"),
        (["sweep", *WORDS, "--x", "magic=0:5"], "UnknownAxis", "neither a condition nor a chemical"),
        (["sweep", *WORDS, "--x", "OA=0:5", "--y", "oleic acid=0:5"], "UnknownAxis", "both axes"),
        (["sweep", *WORDS, "--x", "OA=0:5", "--out", "map.pdf"], "CannotDraw", ".svg"),
        (["shapley", *WORDS, "--out", "nowhere/why.html"], "CannotDraw", "another place"),
        (["shapley", "nothing.json"], "RecipeNotReadable", "nothing.json"),
        (["shapley"], "RecipeNotReadable", "--product"),
        (["shapley", "--reagents", "CdO=1"], "RecipeNotReadable", "--product"),
        (["shapley", "--id", "run-1000"], "RecipeNotReadable", "run-0"),
        (["shapley", "TABLE"], "RecipeNotReadable", "--id"),
        (["shapley", "broken.json"], "RecipeNotReadable", "not JSON"),
        (["shapley", "negative.json"], "RecipeNotReadable", "reagents.0.amount_mmol"),
        (["shapley", "negative.json", "--id", "run-1"], "RecipeNotReadable", "--id"),
        (["shapley", "negative.json", *WORDS], "RecipeNotReadable", "one way"),
        (["shapley", "--product", "CdSe", "--reagents", "CdO"], "RecipeNotReadable", "--reagents: 'CdO'"),
        (["shapley", *WORDS[:4], "--reaction-time", "soon"], "RecipeNotReadable", "--reaction-time: 'soon'"),
        (["shapley", *WORDS[:4], "--injection-temperature", "-400"], "RecipeNotReadable", "--injection-temperature"),
        (["attention", "--model", "negative.json"], "ModelFileError", "negative.json"),
        (["attention", "--data", "nothing"], "DataError", "nothing"),
    ],
)
def test_what_a_person_can_get_wrong(
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    name: str,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.json").write_text("[1")
    Path("negative.json").write_text('{"product": "CdSe", "reagents": [{"name": "CdO", "amount_mmol": -1}]}')
    before = sorted(Path().rglob("*"))
    given = [str(place / "runs.csv") if one == "TABLE" else one for one in arguments]
    for option, value in (("--model", "model.safetensors"), ("--data", "runs.csv")):
        given += [] if option in given else [option, str(place / value)]
    monkeypatch.setattr(sys, "argv", ["closedloop", "explain", *given])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert shown.out == ""
    assert shown.err.count("\n") == 1, shown.err
    assert shown.err.startswith(f"{name}: ")
    assert words in shown.err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("reagents", "more", "words"),
    [
        ([{"name": "CdO", "amount_mmol": 1}, {"name": "cadmium oxide", "amount_mmol": 1}], {}, "'CdO' is the same"),
        ([{"name": "CdO", "amount_mmol": 1e308}], {}, "CdO: 1e+308 mmol is more than 1e+06 mmol"),
        ([{"name": "CdO"}], {"reaction_temperature_c": 5230}, "5230 is more than 1500 °C"),
        ([{"name": "CdO", "amount_mmol": True}], {}, "reagents.0.amount_mmol: true is no number"),
        ([{"name": "CdO"}], {"reaction_tme_min": 5}, "here; did you mean 'reaction_time_min'?"),
        ([{"name": "CdO"}], {"reaction_time_min": 1e9}, "1e+09 is more than 525600 min"),
    ],
)
def test_a_file_is_held_to_what_a_table_is_held_to(
    reagents: list[dict[str, Any]], more: dict[str, float], words: str, place: Path
) -> None:
    content = json.dumps({"product": "CdSe", "reagents": reagents} | more)
    result = call(place, "shapley", "-", text=content)
    assert isinstance(result.exception, RecipeNotReadable)
    assert words in str(result.exception)


def test_one_chemical_in_two_vessels_is_no_fault(place: Path) -> None:
    reagents = [{"name": "TOP", "amount_mmol": 1, "vessel": where} for where in ("flask", "syringe")]
    assert call(place, "shapley", "-", text=json.dumps({"product": "CdSe", "reagents": reagents})).exit_code == 0


def test_a_file_that_is_nested_beyond_reading_is_no_recipe(place: Path) -> None:
    result = call(place, "shapley", "-", text="[" * 100_000)
    assert isinstance(result.exception, RecipeNotReadable)


def test_an_unknown_quantity_is_a_wrong_option(place: Path) -> None:
    result = call(place, "shapley", *WORDS, "--of", "colour")
    assert result.exit_code == 2
    assert "colour" in result.stderr
