"""What the README and the documents show must work: commands exist, files parse, links lead somewhere."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner

from closedloop.campaign import CampaignDefinition, StoppingRules
from closedloop.cli.app import app
from closedloop.lab import LabConfig, Stock, known_drivers
from closedloop.literature.columns import COLUMNS
from closedloop.recipes import FailureCause, Method, Role, Shape, Target, Vessel

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CAMPAIGNS = (ROOT / "docs" / "campaigns-and-labs.md").read_text(encoding="utf-8")
COMMANDS = sorted(
    {
        tuple(word for word in line.split("#")[0].split()[1:3] if re.fullmatch(r"[a-z]+", word))
        for block in re.findall(r"```bash\n(.*?)```", README, re.S)
        for line in block.splitlines()
        if line.startswith("closedloop ")
    }
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_of_the_readme_exists(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"])
    assert shown.exit_code == 0, shown.output


def test_the_readme_gives_both_commands_as_ci_reads_them() -> None:
    for name in ("run", "tests"):
        block = re.search(rf"<!-- {name} -->\n```bash\n(.+)\n```\n<!-- end -->", README)
        assert block
        assert block.group(1).startswith("python3 -m venv .venv && .venv/bin/pip install ")


def test_the_lab_file_of_the_documents_is_sound() -> None:
    lab = LabConfig.model_validate(yaml.safe_load(re.findall(r"```yaml\n(.*?)```", CAMPAIGNS, re.S)[0]))
    assert {instrument.driver for instrument in lab.instruments.values()} <= set(known_drivers())


def _left_out(document: str) -> dict[str, str]:
    """Key -> what its table says of it where it is left out; several keys may share a line."""
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in document.splitlines() if "|" in line]
    return {key: row[2] for row in rows if len(row) == 3 for key in re.findall(r"`([\w.]+)`", row[0])}


@pytest.mark.parametrize(
    ("heading", "prefix", "model"),
    [
        ("## A campaign", "", CampaignDefinition),
        ("## A campaign", "target.", Target),
        ("## A campaign", "stop.", StoppingRules),
        ("## A lab", "", LabConfig),
        ("## A lab", "", Stock),
    ],
)
def test_keys_of_campaign_and_lab_files_are_all_explained_with_their_defaults(
    heading: str, prefix: str, model: type[BaseModel]
) -> None:
    told = _left_out(CAMPAIGNS.partition(heading)[2].partition("\n## ")[0])
    for name, field in model.model_fields.items():
        parts = [key for key in told if key.startswith(f"{prefix}{name}.")]
        assert f"{prefix}{name}" in told or parts, name
        if isinstance(default := field.default, int | float) and default:
            assert told[f"{prefix}{name}"] == f"{default:g}", name


def test_variables_of_the_environment_are_all_explained() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "closedloop").rglob("*.py"))
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")) + README
    read = set(re.findall(r"CLOSEDLOOP_[A-Z]+", source))
    assert {"CLOSEDLOOP_STORE", "CLOSEDLOOP_HOME", "CLOSEDLOOP_SEGMENTER"} <= read
    assert [name for name in sorted(read) if name not in pages] == []


def test_columns_and_words_of_a_users_table_are_all_explained() -> None:
    text = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.M) == list(COLUMNS)
    for word in (*Shape, *FailureCause, *Method, *Role, *Vessel):
        assert f"`{word}`" in text, word


@pytest.mark.parametrize(
    "document", ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
)
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((ROOT / document).parent / target).exists(), target
