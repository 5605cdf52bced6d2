"""How far a long command is, in one line on standard error, with what is left at the pace so far."""

import sys
import time

_LEAST_PART = 0.02  # before it a pace says nothing


class ProgressLine:
    """Rewritten in place on a terminal. Where the output is kept, a line every ``every_s`` seconds and at the end; or,
    without it, whenever what the words begin with, up to a colon, is new."""

    def __init__(self, every_s: float | None = None) -> None:
        self._every_s = every_s
        self._started = self._told = time.monotonic()
        self._topic = ""

    def __call__(self, part: float, words: str) -> None:
        now = time.monotonic()
        line = f"{part:4.0%} {words}{self._left(now, part)}"
        if sys.stderr.isatty():
            print(f"\r{line:<100}", end="\n" if part >= 1 else "", file=sys.stderr, flush=True)
        elif self._is_due(now, part, words.partition(":")[0]):
            print(line, file=sys.stderr, flush=True)
            self._told = now

    def _is_due(self, now: float, part: float, topic: str) -> bool:
        if self._every_s is not None:
            return now - self._told > self._every_s or part >= 1
        before, self._topic = self._topic, topic
        return topic != before

    def _left(self, now: float, part: float) -> str:
        if part < _LEAST_PART:
            return ""
        seconds = (now - self._started) * (1 - part) / part
        if seconds < 1:
            return ""
        return f", {seconds / 60:.0f} min left" if seconds >= 90 else f", {seconds:.0f} s left"
