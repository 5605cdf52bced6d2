"""A person as the sample handler of a lab without a robot: asked at the terminal, and believed once they confirm."""

import sys
from collections.abc import Callable

from closedloop.lab import NoAnswer


class Person:
    """`closedloop.lab.SampleHandler`; ``ask`` puts a question and returns what was typed."""

    def __init__(self, name: str, ask: Callable[[str], str] = input, /) -> None:
        # By its place alone, for a lab file has no such option.
        self.name = name
        self._ask = ask
        self._vessel_id: str | None = None
        self._looked = False
        self._samples: set[str] = set()

    def connect(self) -> None:
        """Raises `NoAnswer` where nobody could be asked."""
        if self._ask is input and not sys.stdin.isatty():
            raise NoAnswer(f"{self.name} is a person but there is no terminal; run closedloop from one")

    def close(self) -> None:
        """Nothing to give back."""

    def identify(self) -> str:
        return "a person at the terminal"

    def make_safe(self) -> None:
        """People look after themselves; the heater and the pumps are made safe by their own drivers."""

    def new_vessel(self, vessel_id: str) -> None:
        """Asks for the label to be typed, so that the vessel in place is the one that is meant."""
        if self._vessel_id == vessel_id:
            return
        self._confirm(f"Put a clean vessel in place, label it {vessel_id}, and type the label: ", vessel_id)
        self._vessel_id = vessel_id
        self._looked = True

    def vessel_id(self) -> str | None:
        """What this process was told; after a restart it asks once, since others may have used the plate meanwhile."""
        if not self._looked:
            typed = self._answer(
                "Which vessel stands on the plate now? Type the label that it has, or press Enter where there is none: "
            )
            self._vessel_id = typed or None
            self._looked = True
        return self._vessel_id

    def collect(self, sample_id: str) -> None:
        if sample_id in self._samples:
            return
        self._confirm(f"Take a sample, label it {sample_id}, and type the label: ", sample_id)
        self._samples.add(sample_id)

    def has_sample(self, sample_id: str) -> bool:
        return sample_id in self._samples

    def _confirm(self, question: str, expected: str) -> None:
        """Asks until the label is right; the end of the input is no answer."""
        while (typed := self._answer(question)) != expected:
            question = f"That was {typed!r}, not {expected}; type the label on the vessel: "

    def _answer(self, question: str) -> str:
        try:
            return self._ask(question).strip()
        except EOFError as error:
            raise NoAnswer(f"{self.name} gave no answer to: {question.strip()}") from error
