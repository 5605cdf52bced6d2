"""Why a recipe was chosen: its motive in a word, and the reason in a sentence for whoever approves it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from closedloop.propose.candidates import Pool
from closedloop.propose.proposal import Assessment

if TYPE_CHECKING:
    from closedloop.propose.acquire import Choice

# A recipe whose chance is at least this share of the largest is chosen for its chance, another for what it teaches.
_NEARLY_BEST = 0.8


@dataclass(frozen=True)
class Known:
    """What a campaign knows when it chooses: results with a size, chemical failures, whether anything was judged and
    nothing has succeeded, how many tried recipes are outside its space, and whether what is usual stood in for a model
    that has nothing to say of it."""

    measured: int
    failures: int
    none_succeeded: bool
    outside: int
    model_silent: bool


def motive(origin: str, chance: float, largest: float) -> str:
    """See `Proposal`."""
    if origin == Pool.REPEAT:
        return "repeat"
    return "exploitation" if chance >= _NEARLY_BEST * largest else "exploration"


def reason(
    why: str,
    said: Assessment,
    choice: "Choice",
    origin: str,
    *,
    largest: float,
    by_model_nm: float,
    known: Known,
    under_way: int,
) -> str:
    """``why`` is the motive, ``largest`` the chance of the likeliest candidate, ``by_model_nm`` the size before
    any result, ``under_way`` how many recipes this one was chosen beside."""
    hit = f"{_percent(said.chance_of_hit)} chance of a hit"
    if why == "repeat":
        parts = [f"a repeat: its noise matters more than its distance ({hit})"]
    elif why == "exploitation":
        parts = [f"{hit}, the largest or nearly so"]
    else:
        parts = [f"{hit} (the largest is {_percent(largest)}), made for what it teaches"]
        if choice.gain >= 0.005:
            parts[0] += f": the best chance after it should be {_percent(choice.gain)} higher"
    parts.append(origin)
    if not known.measured:
        by = "what is usual, since the model leaves the sizes here open" if known.model_silent else "the model alone"
        parts.append(f"nothing measured yet: by {by}")
    else:
        change = 100 * (said.predicted_size_nm / by_model_nm - 1)
        speaker = "what is usual" if known.model_silent else "the model"
        parts.append(
            f"{speaker} says {by_model_nm:.2f} nm, corrected by {change:+.0f}% after {known.measured} results here"
        )
    if known.none_succeeded:
        parts.append("nothing has succeeded yet")
    if known.failures:
        parts.append(f"kept away from {known.failures} chemical failure{'s' * (known.failures > 1)}")
    if under_way:
        parts.append(f"chosen beside {under_way} under way")
    if known.outside:
        parts.append(f"{known.outside} tried outside this space not learned from")
    return "; ".join(parts)


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.1 else f"{100 * share:.1f}%"
