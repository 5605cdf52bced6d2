"""One thing wrong with a table, as `data check` lists it."""

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a table; ``row`` is the row that the spreadsheet shows (1: the header), 0 the whole file."""

    file: str
    row: int
    column: str
    value: str
    problem: str
    remedy: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = [self.file, f"row {self.row}" if self.row else "", self.column]
        where = ", ".join(part for part in place if part)
        value = f" {self.value!r}" if self.value else ""
        return f"{where}:{value} {self.problem}; {self.remedy}"

    def as_dict(self) -> dict[str, str | int]:
        return asdict(self)
