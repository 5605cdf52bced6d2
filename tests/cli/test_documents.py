"""What the README and the documents show must work: commands exist, files parse, links lead somewhere."""

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from closedloop.cli.app import app
from closedloop.lab import LabConfig, known_drivers
from closedloop.literature.columns import COLUMNS
from closedloop.recipes import FailureCause, Method, Role, Shape, Vessel

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
