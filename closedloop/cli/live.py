"""Shows a person what the lab is doing: a live display on a terminal, plain lines where the output is a file."""

import time
from types import TracebackType
from typing import Self

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from closedloop.campaign import News, size_in_words
from closedloop.cli.output import STDERR
from closedloop.recipes import Target
from closedloop.store import ExperimentRecord

REFRESH_S = 0.1
ROWS = 12


class LiveDisplay:
    """A context manager; `show` takes the runner's news."""

    def __init__(self, target: Target, finished: list[ExperimentRecord]) -> None:
        self.target = target
        self._rows = {record.id: record for record in finished}
        self._doing = Text("starting")
        self._bar: ProgressBar | None = None
        self._last = 0.0
        self._outlook = ""
        self._live = Live(console=STDERR, auto_refresh=False, transient=True) if STDERR.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.update(self._table(), refresh=True)
            self._live.stop()

    def show(self, news: News) -> None:
        """Draws at most ten times a second; a line is printed only for what stays true."""
        if news.experiment:
            self._rows[news.experiment.id] = news.experiment
        if news.outlook and news.outlook.chances:
            self._outlook = news.text
        if news.lab:
            heat = f", {news.lab.temperature_c:.0f} °C" if news.lab.temperature_c is not None else ""
            self._doing = Text(
                f"{news.lab.run_id}, step {news.lab.position + 1} of {news.lab.steps}: {news.lab.doing}{heat}"
            )
            self._bar = ProgressBar(total=1.0, completed=news.lab.fraction, width=40)
        else:
            name = f"{news.experiment.id}: " if news.experiment else ""
            self._doing, self._bar = Text(f"{name}{news.text}"), None
        if self._live is None:
            if news.text == "done" and news.experiment:
                STDERR.print(f"{news.experiment.id}: {describe(news.experiment, self.target)}", soft_wrap=True)
            elif news.lab is None and news.experiment is None:
                STDERR.print(news.text, soft_wrap=True)
        elif time.monotonic() - self._last > REFRESH_S or news.text == "done":
            self._last = time.monotonic()
            self._live.update(Group(self._table(), self._doing, self._bar or Text("")), refresh=True)

    def _table(self) -> Table:
        low, high = self.target.band_nm
        table = Table(
            title=f"{self.target.product}, {low:.2f} to {high:.2f} nm",
            title_justify="left",
            caption=self._outlook or None,
            caption_justify="left",
        )
        for column in ("experiment", "state", "predicted, nm", "measured", "result"):
            table.add_column(column)
        for record in list(self._rows.values())[-ROWS:]:
            size = (record.prediction or {}).get("size_nm")
            outcome = record.outcome
            table.add_row(
                record.id,
                str(record.state),
                f"{size:.2f}" if size else "",
                (size_in_words(outcome) or "") if outcome else "",
                describe(record, self.target),
            )
        return table


def describe(record: ExperimentRecord, target: Target) -> str:
    """One experiment in a few words."""
    outcome = record.outcome
    if outcome is None:
        return str(record.state)
    if target.is_met_by(outcome):
        return f"hit: {outcome.size_nm:.2f} nm"
    if outcome.success and outcome.size_nm:
        unmet = target.unmet(outcome)
        first = ["in the band"] if target.holds_size(outcome.size_nm) else []
        return f"{outcome.size_nm:.2f} nm, {'; '.join([*first, *unmet])}"
    return record.note or str(outcome.failure_cause or record.state)
