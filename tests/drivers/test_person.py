"""A person as the sample handler: asked once, asked again when the label is wrong, and not there without a terminal."""

import io
import sys

import pytest

from closedloop.lab import NoAnswer, SampleHandler
from drivers.person import Person


class Terminal:
    """Types the given answers and keeps the questions."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.questions = list(answers), []

    def __call__(self, question: str) -> str:
        self.questions.append(question)
        if not self.answers:
            raise EOFError
        return self.answers.pop(0)


def test_a_person_is_a_sample_handler() -> None:
    assert isinstance(Person("hand"), SampleHandler)


def test_the_label_must_be_right_before_the_run_goes_on() -> None:
    terminal = Terminal("cdse-0001", " cdse-0002 ")
    person = Person("hand", terminal)
    person.new_vessel("cdse-0002")
    assert person.vessel_id() == "cdse-0002"
    assert "not cdse-0002" in terminal.questions[1]


def test_the_same_thing_is_not_asked_twice() -> None:
    terminal = Terminal("v", "s")
    person = Person("hand", terminal)
    for _ in range(2):
        person.new_vessel("v")
        person.collect("s")
    assert len(terminal.questions) == 2
    assert person.has_sample("s")


@pytest.mark.parametrize(("typed", "there"), [(" cdse-0001 ", "cdse-0001"), ("", None), ("  ", None)])
def test_after_a_restart_the_vessel_is_asked_for_once(typed: str, there: str | None) -> None:
    terminal = Terminal(typed)
    person = Person("hand", terminal)
    assert person.vessel_id() == there
    assert person.vessel_id() == there
    assert len(terminal.questions) == 1


def test_a_vessel_of_which_nobody_tells_is_an_error() -> None:
    with pytest.raises(NoAnswer, match="Which vessel stands on the plate"):
        Person("hand", Terminal()).vessel_id()


def test_no_answer_is_an_error_and_nothing_is_believed() -> None:
    person = Person("hand", Terminal())
    with pytest.raises(NoAnswer, match="gave no answer"):
        person.collect("s")
    assert not person.has_sample("s")


def test_without_a_terminal_there_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(NoAnswer, match="run closedloop from one"):
        Person("hand").connect()
