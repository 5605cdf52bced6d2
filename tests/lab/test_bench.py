"""One bad instrument keeps no other from being stopped and closed, whatever its driver raises."""

import pytest

from closedloop.lab import Bench, InstrumentError, MemoryLedger, check_lab
from tests.lab.world import CONFIG, Computer, World

ORDER = ("clock", "plate", "arm", "cd", "se")
FAILURES = [OSError("the adapter is gone"), RuntimeError("a bug"), InstrumentError("no answer"), KeyboardInterrupt()]


class Told:
    """Instruments that note what they are told; ``fails[name, call]`` is raised there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, str]] = []
        self.fails: dict[tuple[str, str], BaseException] = {}
        computer = Computer(World(), MemoryLedger())
        self.instruments = {name: computer.bench().instruments[name] for name in ORDER}
        for name, instrument in self.instruments.items():
            for call in ("connect", "make_safe", "close"):
                monkeypatch.setattr(instrument, call, lambda name=name, call=call: self._tell(name, call))
        monkeypatch.setattr("closedloop.lab.bench.build", lambda name, *_: self.instruments[name])
        monkeypatch.setattr("closedloop.lab.preflight.build", lambda name, *_: self.instruments[name])
        instruments = {name: CONFIG.instruments[name] for name in ORDER}
        self.config = CONFIG.model_copy(update={"instruments": instruments})

    def _tell(self, name: str, call: str) -> None:
        self.calls.append((name, call))
        if failure := self.fails.get((name, call)):
            raise failure

    def who(self, call: str) -> list[str]:
        return [name for name, each in self.calls if each == call]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(monkeypatch)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda each: type(each).__name__)
def test_a_driver_that_fails_to_connect_leaves_the_others_safe_and_closed(told: Told, failure: BaseException) -> None:
    told.fails["cd", "connect"] = failure
    expected = KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else InstrumentError
    with pytest.raises(expected):
        Bench.open(told.config)
    assert told.who("connect") == ["clock", "plate", "arm", "cd"]
    # What was not reached may be another run's.
    assert told.who("make_safe") == ["plate", "clock", "arm"]
    assert set(told.who("close")) == {"clock", "plate", "arm", "cd"}


@pytest.mark.parametrize("failure", FAILURES, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("bad", ["plate", "cd"])
def test_a_driver_that_fails_to_be_made_safe_or_closed_is_told_once_all_were(
    told: Told, failure: BaseException, bad: str
) -> None:
    told.fails[bad, "make_safe"] = told.fails[bad, "close"] = failure
    expected = KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else InstrumentError
    with pytest.raises(expected) as caught, Bench.open(told.config):
        pass
    assert told.who("make_safe") == ["plate", "clock", "arm", "cd", "se"]
    assert sorted(told.who("close")) == sorted(ORDER)
    if isinstance(failure, OSError):
        assert str(caught.value).startswith(f"{bad}: its driver failed (OSError: the adapter is gone)")


@pytest.mark.parametrize("failure", FAILURES[:-1], ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("first", [ZeroDivisionError, KeyboardInterrupt])
def test_what_went_wrong_first_is_what_is_told(told: Told, failure: BaseException, first: type[BaseException]) -> None:
    told.fails["plate", "make_safe"] = told.fails["se", "close"] = failure
    with pytest.raises(first) as caught, Bench.open(told.config):
        raise first
    unsafe, unclosed = caught.value.__notes__
    assert unsafe.startswith("the lab could not be made safe: ")
    assert unsafe.endswith("switch the heater off by hand")
    assert unclosed.startswith("not every instrument could be closed: ")
    assert sorted(told.who("close")) == sorted(ORDER)


@pytest.mark.parametrize("call", ["make_safe", "close"])
def test_an_interrupt_on_the_way_out_is_not_lost_and_waits_until_all_were_told(told: Told, call: str) -> None:
    told.fails["plate", call] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt) as caught, Bench.open(told.config):
        raise ZeroDivisionError
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert told.who("make_safe") == ["plate", "clock", "arm", "cd", "se"]
    assert sorted(told.who("close")) == sorted(ORDER)


def test_a_check_goes_on_where_a_driver_fails(told: Told) -> None:
    told.fails["plate", "connect"] = OSError("the adapter is gone")
    checks = {each.name: each for each in check_lab(told.config)}
    assert not checks["plate"].ok
    assert "OSError: the adapter is gone" in checks["plate"].detail
    assert [each.name for each in checks.values() if each.ok] == ["clock", "arm", "cd", "se"]
