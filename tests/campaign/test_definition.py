"""Campaign files: every fault at once, each with its line, and nothing accepted that cannot be meant."""

from pathlib import Path

import pytest

from closedloop.campaign import CampaignFileError, read_campaign, shipped_campaigns
from closedloop.campaign.reading import parse_campaign

GOOD = """\
name: demo
target:
  product: CdSe
  size_nm: 4.0
space:
  reagents:
    - {name: CdO, amount_mmol: [0.1, 0.6], vessel: flask}
    - {name: oleic acid, amount_mmol: 4, vessel: flask}
    - {name: Se, amount_mmol: [0.1, 1.0], vessel: syringe}
  reaction_temperature_c: [180, 290]
  reaction_time_min: 10
  constraints: [oleic acid >= 4 * CdO]
"""


def _faults(text: str) -> tuple[str, ...]:
    with pytest.raises(CampaignFileError) as caught:
        parse_campaign(text, "demo.yaml")
    assert "\n" not in str(caught.value)
    return caught.value.faults


def test_names_are_the_registrys_from_here_on() -> None:
    definition = parse_campaign(GOOD, "demo.yaml")
    assert [reagent.name for reagent in definition.space.reagents][:2] == ["cadmium oxide", "oleic acid"]
    assert definition.space.product == "CdSe"
    assert definition.space.constraints == ("oleic acid >= 4 * cadmium oxide",)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("OA >= 4 * CdO", "oleic acid >= 4 * cadmium oxide"),
        ("octadecenoic acid >= 4 * cadmium oxide", "octadecenoic acid >= 4 * cadmium oxide"),
        ("ligand + 0.5*oleic acid <= 2e1 * CdO", "ligand + 0.5*oleic acid <= 2e1 * cadmium oxide"),
        ("reaction_time_min <= 3 * OA", "reaction_time_min <= 3 * oleic acid"),
    ],
)
def test_a_constraint_may_use_any_name_that_a_coupling_may(written: str, read: str) -> None:
    text = GOOD.replace("name: CdO", "name: cadmium oxide").replace("[oleic acid >= 4 * CdO]", f"['{written}']")
    if read.startswith("octadecenoic"):
        assert any("'octadecenoic acid' is not in this space" in fault for fault in _faults(text))
    else:
        assert parse_campaign(text, "demo.yaml").space.constraints == (read,)


def test_every_shipped_campaign_is_sound() -> None:
    assert "cdse" in shipped_campaigns()
    for name in shipped_campaigns():
        assert read_campaign(name).name == name


def test_the_digest_follows_the_content_not_the_spelling() -> None:
    digest = parse_campaign(GOOD, "a").digest
    assert parse_campaign(GOOD.replace("CdO", "cadmium oxide"), "b").digest == digest
    assert parse_campaign(GOOD.replace("4.0", "4.1"), "c").digest != digest


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("budget", "budgte: 3\n"), 13, "budgte"),
        (("  size_nm: 4.0", "  size_nm: 4000"), 4, "impossible"),
        (("  size_nm: 4.0", "  size_nm: -4"), 4, "greater than 0"),
        (("  size_nm: 4.0", "  size_nm: .nan"), 4, "finite"),
        (("  size_nm: 4.0", "  size_nm: 4.0\n  tolerance_nm: 5"), 5, "would accept anything"),
        (("product: CdSe", "product: Xq7"), 3, "Xq"),
        (("name: CdO,", "name: cadmum oxid,"), 7, "cadmium oxide"),
        (("[180, 290]", "[290, 180]"), 10, "must rise"),
        (("amount_mmol: 4,", "amount_mmol: -4,"), 8, "negative"),
        (("    - {name: Se, amount_mmol: [0.1, 1.0], vessel: syringe}\n", ""), 6, "Se"),
        (("  size_nm: 4.0", "  size_nm: 4.0\n  limits: {max_temperature_c: 100}"), 5, "max_temperature_c 100"),
        (("  size_nm: 4.0", "  size_nm: 4.0\n  size_nm: 5.0"), 5, "given twice"),
        (("name: demo", "name: ../Démo 4"), 1, "lower-case letters, digits and hyphens alone, such as demo-4"),
        (("name: demo", f"name: {'a' * 61}"), 1, "has 61 characters; shorten it to 60"),
        (("name: demo", "name:"), 1, "name: is empty; write a value"),
        (
            ("  size_nm: 4.0", "  size_nm: 4.0 nm"),
            4,
            "size_nm: '4.0 nm' is no number; write the number alone",
        ),
        (("  size_nm: 4.0", "  size_nm:"), 4, "size_nm: is empty; write a value"),
        (("  size_nm: 4.0", "  size_nm: [4.0]"), 4, "size_nm: [4.0] is no number"),
        (("  size_nm: 4.0", "  size_nm: 4.0\n  shape: spheres"), 5, "or 'triangle'; did you mean 'sphere'?"),
        (("  product: CdSe\n", ""), 2, "target.product: is missing"),
        (("budget", "budget: 24.5\n"), 13, "24.5 is no whole number; write 24 or 25"),
        (
            ("budget", "batchsize: 3\n"),
            13,
            "here; did you mean 'batch_size'?",
        ),
        (
            ("  size_nm: 4.0", "  size_mn: 4.0"),
            4,
            "target.size_mn: is not a key that a campaign has here; did",
        ),
        (("amount_mmol: 4,", "max_mmoll: 4,"), 8, "did you mean 'max_mmol'?"),
        (("[0.1, 0.6]", "[.nan, 0.6]"), 7, "space.reagents.0.amount_mmol: nan should be a finite number"),
        (
            ("[0.1, 0.6]", "{low: 0.1, hihg: 0.6}"),
            7,
            "amount_mmol.hihg: is not a key that a campaign has here; did",
        ),
        (("[0.1, 0.6]", "{low: 0.1}"), 7, "space.reagents.0.amount_mmol.high: is missing"),
        (("budget", "  couplings: [{at_least: 1, of: [CdO, 3]}]\n"), 13, "space.couplings.0.of.1: 3 is no text"),
        (("budget", "  couplings: [{at_least: 1, of: 3}]\n"), 13, "space.couplings.0.of: 3 is no text"),
        (
            ("budget", "  couplings: [{ratio: [OA, CdO, Se], between: [1, 2]}]\n"),
            13,
            "ratio: has 3 values where 2 belong",
        ),
        (("[0.1, 0.6]", "0"), 6, "brings Cd"),
        (("[0.1, 0.6]", "0\n     , optional: false"), 6, "brings Cd"),
        (("  size_nm: 4.0", "  size_nm: 4.0\n  max_relative_spread: 20"), 5, "write 0.2 for 20 %"),
        (("budget", "largest_relative_spread: 2\n"), 13, "write 0.02 for 2 %"),
        (("  reagents:", "  reagents: CdO\n  stock:"), 6, "space.reagents: is no list; write it as [CdO]"),
        (("oleic acid >= 4 * CdO]", "oleic acid >= 4 * CdO, 3]"), 12, "is no text"),
        (("[oleic acid >= 4 * CdO]", "oleic acid >= 4 * CdO"), 12, "is no list; write it as [oleic acid >= 4 * CdO]"),
        (("  size_nm: 4.0", "  size_nm: 4.0\n  limits: {allowed_chemicals: CdO}"), 5, "is no list; write it as [CdO]"),
        (("  size_nm: 4.0", "  size_nm: 4.0\n  limits: {max_amounts_mmol: [1]}"), 5, "write a value behind each name"),
        (
            ("    - {name: CdO, amount_mmol: [0.1, 0.6], vessel: flask}", "    - CdO"),
            7,
            "{name: CdO, amount_mmol: [0.1,",
        ),
        (("budget", "stop: 3\n"), 13, "write a value behind each name"),
        (("reaction_time_min: 10", "reaction_time_min: 1:30"), 11, "1:30 would be read as 90"),
        (("amount_mmol: 4,", "amount_mmol: 010,"), 8, "010 would be read as 8"),
        (("[180, 290]", "[180, 5230]"), 10, "reaction temperature 5230 °C is more than 1500 °C"),
        (("reaction_time_min: 10", "reaction_time_min: 1e12"), 11, "1e+12 min is more than 525600 min"),
        (("amount_mmol: 4,", "amount_mmol: 1e12,"), 8, "1e+12 mmol is more than 1e+06 mmol"),
        (("budget", "budget: 5\nhits_wanted: 6\n"), 14, "hits_wanted: 6 hits need 6 experiments; the budget is 5"),
        (
            ("budget", "budget: 5\nhits_wanted: 2\nstop: {confirmed_by: 2}\n"),
            15,
            "2 hits with 2 repeats each need 6 experiments; the budget is 5",
        ),
        (("budget", "hits_wanted: 25\n"), 13, "the budget is 24"),
    ],
)
def test_each_fault_is_named_with_its_line(change: tuple[str, str], line: int, words: str) -> None:
    old, new = change
    text = GOOD + new if old == "budget" else GOOD.replace(old, new)
    faults = _faults(text)
    assert any(f"line {line}:" in fault and words in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[0.1, 0.6]", "[.nan, 0.6]"),
        ("amount_mmol: 4,", "amount_mmol: four,"),
        ("  product: CdSe\n", ""),
        ("constraints:", "couplings: [{at_least: 1, of: [1]}]\n  constraints:"),
        ("constraints:", "couplings: [{ratio: [[OA], CdO], between: [1, 2]}]\n  constraints:"),
        ("constraints:", "12: 3\n  constraints:"),
    ],
)
def test_a_fault_is_told_once_and_only_of_what_the_file_has(old: str, new: str) -> None:
    (fault,) = _faults(GOOD.replace(old, new))
    assert not any(word in fault for word in ("constrained", "tuple", "Input", "range.", "[key]", "valid")), fault


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("  size_nm: 4.0", "  size_nm: yes", "target.size_nm"),
        ("  size_nm: 4.0", "  size_nm: 4.0\n  limits: {max_temperature_c: on}", "target.limits.max_temperature_c"),
        ("  size_nm: 4.0", "  size_nm: 4.0\n  limits: {max_amounts_mmol: {CdO: true}}", "max_amounts_mmol"),
        ("amount_mmol: 4,", "amount_mmol: yes,", "space.reagents.1.amount_mmol"),
        ("[0.1, 0.6]", "[no, 0.6]", "space.reagents.0.amount_mmol"),
        ("amount_mmol: 4,", "fill_to_ml: yes,", "space.reagents.1.fill_to_ml"),
        ("reaction_time_min: 10", "reaction_time_min: on", "space.reaction_time_min"),
        (
            "reaction_time_min: 10",
            "reaction_time_min: 10\n  couplings: [{at_least: yes}]",
            "space.couplings.0.at_least",
        ),
        ("name: demo", "name: demo\nbudget: true", "budget"),
        ("name: demo", "name: demo\nlargest_relative_spread: off", "largest_relative_spread"),
        ("name: demo", "name: demo\nstop: {no_hope: {chance_below: 0.1, over: yes}}", "stop.no_hope.over"),
    ],
)
def test_yes_is_no_number(old: str, new: str, place: str) -> None:
    """Pydantic takes true for 1: such a campaign asked for particles of 1 nm."""
    faults = _faults(GOOD.replace(old, new))
    assert any(place in fault and "is no number" in fault for fault in faults), faults


def test_yes_and_no_remain_what_they_are_where_they_belong() -> None:
    text = SHELF.replace("max_mmol: 8,", "amount_mmol: [1, 8], optional: yes,")
    assert [reagent.optional for reagent in parse_campaign(text, "shelf.yaml").space.reagents][2:] == [
        True,
        False,
        False,
    ]


def test_all_faults_come_at_once() -> None:
    text = GOOD.replace("CdO", "unobtainium").replace("4.0", "-1") + "colour: red\n"
    faults = _faults(text)
    assert len(faults) == 3


@pytest.mark.parametrize("couplings", ["3", "true", "2.5", "at_least", "{at_least: 1}"])
def test_couplings_that_are_no_list_are_called_so(couplings: str) -> None:
    (fault,) = _faults(GOOD + f"  couplings: {couplings}\n")
    assert fault.startswith("line 13: space.couplings: is no list")


@pytest.mark.parametrize("second", ["CdO: 0.5", "CdO: 0.2", "Cadmium oxide: 0.5, cadmium(II) oxide: 1"])
def test_two_limits_for_one_chemical_are_refused(second: str) -> None:
    """The second took the place of the first, and 0.2 mmol were no limit any more."""
    limits = f"  limits:\n    max_amounts_mmol:\n      {{cadmium oxide: 0.2,\n       {second}, OA: 5}}"
    faults = _faults(GOOD.replace("  size_nm: 4.0", f"  size_nm: 4.0\n{limits}"))
    assert len(faults) == second.count(":")
    for fault in faults:
        assert fault.startswith("line 8: target.limits.max_amounts_mmol: 'cadmium oxide' (line 7) and '")
        assert "keep one limit of the two" in fault


def test_a_limit_is_named_with_its_line_whatever_its_chemical_is_called() -> None:
    limits = "  limits:\n    max_amounts_mmol:\n      OA: 8\n      CdO: 0.05"
    (fault,) = _faults(GOOD.replace("  size_nm: 4.0", f"  size_nm: 4.0\n{limits}"))
    assert fault.startswith("line 8: ")
    assert "the limit of 0.05 mmol of cadmium oxide" in fault


def test_keys_given_twice_hide_no_other_fault() -> None:
    text = GOOD.replace("  size_nm: 4.0", "  size_nm: -1\n  product: CdSe") + "name: demo\ncolour: red\n12: a\n"
    faults = _faults(text)
    assert [fault.split(":")[0] for fault in faults] == ["line 4", "line 5", "line 14", "line 15", "line 16"]
    assert "'product' is given twice (first in line 3)" in faults[1]
    assert "'name' is given twice (first in line 1)" in faults[2]


def test_faults_behind_other_faults_are_found_too() -> None:
    """A negative amount must not hide a constraint on a chemical that is not there, nor what the product lacks."""
    text = (
        GOOD.replace("amount_mmol: 4,", "amount_mmol: -4,")
        .replace("[oleic acid >= 4 * CdO]", "[oleic acid >= 4 * zinc oxide]")
        .replace("    - {name: Se, amount_mmol: [0.1, 1.0], vessel: syringe}\n", "")
        .replace("  size_nm: 4.0", "  size_nm: 4.0\n  max_relative_spread: 0.001\n  min_shape_fraction: 0.5")
    )
    faults = _faults(text + "stop: {no_hope: {chance_below: 2}}\n")
    for line, words in (
        (5, "as uniform as 0.001"),
        (6, "name it under shape"),
        (8, "brings Se"),
        (10, "negative"),
        (13, "'zinc oxide' is not in this space"),
        (14, "less than 1"),
    ):
        assert any(f"line {line}:" in fault and words in fault for fault in faults), (line, words, faults)
    assert len(faults) == 6
    assert [int(fault.split(":")[0].removeprefix("line ")) for fault in faults] == [5, 6, 8, 10, 13, 14]


SHELF = """\
name: shelf
target: {product: CdSe, size_nm: 4.0, limits: {max_heating_rate_c_per_min: 20}}
space:
  reagents:
    - {name: CdO, max_mmol: 1, vessel: flask}
    - {name: cadmium stearate, max_mmol: 1, vessel: flask}
    - {name: OA, max_mmol: 8, role: ligand, vessel: flask}
    - {name: ODE, fill_to_ml: 10, vessel: flask}
    - {name: Se, amount_mmol: [0.1, 1.0], vessel: syringe}
  heating_rate_c_per_min: [5, 30]
  reaction_time_min: 10
  couplings:
    - {at_most: 1, of: [CdO, cadmium stearate]}
    - {ratio: [OA, CdO], between: [2, 12]}
"""


def test_a_stock_list_is_searched_and_always_makes_the_product() -> None:
    """No rule of the file asks for cadmium, but CdSe does."""
    space = parse_campaign(SHELF, "shelf.yaml").search_space
    recipes = space.sample(64, seed=0)
    for recipe in recipes:
        amounts = {reagent.name: reagent.amount_mmol or 0 for reagent in recipe.reagents}
        assert ("cadmium oxide" in amounts) != ("cadmium stearate" in amounts)
        if {"oleic acid", "cadmium oxide"} <= set(amounts):
            assert 2 - 1e-9 <= amounts["oleic acid"] / amounts["cadmium oxide"] <= 12 + 1e-9
        assert 5 <= (recipe.heating_rate_c_per_min or 0) <= 20
    assert len({frozenset(reagent.name for reagent in recipe.reagents) for recipe in recipes}) == 4


@pytest.mark.parametrize("limits", ["allowed_chemicals: [OA, Se]", "max_amounts_mmol: {CdO: 0}"])
def test_limits_leave_what_the_product_needs(limits: str) -> None:
    text = GOOD.replace("[0.1, 0.6]", "[0, 0.6]").replace("[oleic acid >= 4 * CdO]", "[]")
    faults = _faults(text.replace("size_nm: 4.0", f"size_nm: 4.0\n  limits: {{{limits}}}"))
    assert any("line 5:" in fault and "brings Cd" in fault for fault in faults), faults


def test_a_source_with_an_amount_of_nothing_does_not_stand_for_the_others() -> None:
    text = SHELF.replace("{name: CdO, max_mmol: 1,", "{name: CdO, amount_mmol: 0,").partition("  couplings:")[0]
    for recipe in parse_campaign(text, "shelf.yaml").search_space.sample(32, seed=0):
        assert recipe.amount_mmol("cadmium stearate")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("{at_most: 1, of: [CdO,", "{at_most: 1, of: [lead oxide,", 13, "'lead oxide' is not in this space"),
        ("{at_most: 1,", "{at_most: -1,", 13, "cannot be negative"),
        ("between: [2, 12]", "between: [12, 2]", 14, "must rise"),
        ("max_mmol: 8", "max_mmol: none", 7, "not a largest amount"),
        ("fill_to_ml: 10", "fill_to_ml: 10, optional: true", 8, "always there"),
        ("fill_to_ml: 10", "fill_to_ml: 1e9", 8, "1e+09 mL is more than 1e+06 mL"),
        ("max_mmol: 8", "max_mmol: 1.0e+12", 7, "1e+12 mmol is more than"),
        ("max_heating_rate_c_per_min: 20", "max_heating_rate_c_per_min: 2", 2, "heating rate"),
        ("size_nm: 4.0,", "size_nm: 4.0, tolerance_nm: 0.001,", 2, "no measurement"),
    ],
)
def test_faults_of_a_stock_list_are_named(old: str, new: str, line: int, words: str) -> None:
    faults = _faults(SHELF.replace(old, new))
    assert any(f"line {line}:" in fault and words in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("filler", "words"),
    [
        ("fill_to_ml: 0.5", "'1-octadecene fills the flask to 0.5 mL' cannot be met"),
        (
            "fill_to_ml: 30, amount_mmol: [1, 3]",
            "'1-octadecene fills the flask to 30 mL with 1 to 3 mmol' cannot be met",
        ),
        ("fill_to_ml: 30, amount_mmol: 3", "1-octadecene: amount_mmol 3 and fill_to_ml 30 both say how much"),
    ],
)
def test_what_cannot_fill_its_vessel_is_named_with_its_own_line(filler: str, words: str) -> None:
    entry = f"    - {{name: ODE, {filler}, vessel: flask}}\n  reaction_temperature_c"
    (fault,) = _faults(GOOD.replace("  reaction_temperature_c", entry))
    assert fault.startswith("line 10: space.reagents.3: ")
    assert words in fault


def test_a_chemical_that_limits_or_the_product_shut_out_is_named() -> None:
    ratio = SHELF.replace("[OA, CdO], between: [2, 12]", "[OA, Se], between: [20, 30]")
    assert parse_campaign(ratio, "shelf.yaml").search_space.optional
    limited = ratio.replace("limits: {", "limits: {max_amounts_mmol: {OA: 1}, ")
    (fault,) = _faults(limited)
    assert fault.startswith("line 14: ")
    assert "within the limits, and with all that CdSe needs, oleic acid (flask) can be in no recipe" in fault
    (fault,) = _faults(SHELF.replace("[CdO, cadmium stearate]", "[CdO, cadmium stearate, OA]"))
    assert fault.startswith("line 7: ")
    assert "oleic acid (flask) can be in no recipe: the couplings leave it out" in fault


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "name: [unclosed", "\x00"])
def test_what_is_no_campaign_is_refused_by_name(text: str) -> None:
    assert len(_faults(text)) == 1


def test_a_file_that_is_not_there_names_the_shipped_ones() -> None:
    with pytest.raises(CampaignFileError, match="shipped"):
        read_campaign("no-such-campaign")
    with pytest.raises(CampaignFileError, match="cannot be read"):
        read_campaign("no-such-file.yaml")


def test_a_binary_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(CampaignFileError, match="not text in UTF-8"):
        read_campaign(path)
