"""Campaign files: every fault at once, each with its line, and nothing accepted that cannot be meant."""

from pathlib import Path

import pytest

from closedloop.campaign import CampaignFileError, read_campaign, shipped_campaigns
from closedloop.campaign.definition import parse_campaign

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
        (("name: demo", "name: ../demo"), 1, "pattern"),
    ],
)
def test_each_fault_is_named_with_its_line(change: tuple[str, str], line: int, words: str) -> None:
    old, new = change
    text = GOOD + new if old == "budget" else GOOD.replace(old, new)
    faults = _faults(text)
    assert any(f"line {line}:" in fault and words in fault for fault in faults), faults


def test_all_faults_come_at_once() -> None:
    text = GOOD.replace("CdO", "unobtainium").replace("4.0", "-1") + "colour: red\n"
    faults = _faults(text)
    assert len(faults) == 3


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
