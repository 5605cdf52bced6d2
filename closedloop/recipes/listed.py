"""A list of recipes or experiments, as a caller hands it over.

Pydantic's models can be iterated over, field by field, so that one in place of a list would pass for a list.
"""

from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel

from closedloop.recipes.errors import NotListed

T = TypeVar("T", bound=BaseModel)


def listed(kind: type[T], given: Iterable[T]) -> list[T]:
    """All of them, in order. Raises `NotListed` for one alone, for what is no list and for a list of something else."""
    what = kind.__name__
    if isinstance(given, kind):
        raise NotListed(f"a single {what} was given where a list of them belongs; write [{what.lower()}]")
    if isinstance(given, BaseModel | str | dict) or not isinstance(given, Iterable):
        raise NotListed(f"{type(given).__name__} is no list of {what}; give a list of closedloop.recipes.{what}")
    found = list(given)
    for number, each in enumerate(found, 1):
        if not isinstance(each, kind):
            raise NotListed(
                f"number {number} of the list is {type(each).__name__}, no {what}; give closedloop.recipes.{what}"
            )
    return found
