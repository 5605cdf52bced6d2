"""Training and test indices that do not leak: experiments that belong together stay on one side.

``random`` keeps near duplicates together (`near_duplicates`); ``source``, ``formula`` and ``chemicals`` keep whole
papers, formulas in all their phases, or products with one set of chemicals together. ``composition=X`` tests all of one
formula, ``year`` the latest papers, learning from the earlier ones. ``rows`` draws single experiments, ``paper`` is the
protocol of Gu et al., and ``product`` takes products as they are named, so that CdSe-1 may be learned from and CdSe-2
tested; these leak: they are there to compare with figures that others measured so, not to learn how good a model is.
"""

import difflib
from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from closedloop.chemistry import chemical_key
from closedloop.chemistry.formula import without_phase
from closedloop.literature.errors import DataError
from closedloop.literature.sources import source_key
from closedloop.literature.years import year_of
from closedloop.recipes import Experiment

Indices = NDArray[np.int64]
Split = tuple[Indices, Indices]

FOLDS = 5
PAPER_MIN_PARTICLES = 300
PAPER_MAX_SIZE_NM = 20.0
COMPOSITION = "composition="
# The latest whole years that hold at least this share of the sizes with a known year are tested.
TESTED_BY_YEAR = 0.2


def split(
    experiments: Sequence[Experiment],
    name: str,
    *,
    folds: int | None = None,
    seed: int = 0,
    max_size_nm: float | None = None,
    with_failures: bool = False,
) -> list[Split]:
    """Pairs (training, test) of indices into ``experiments``, by the split called ``name``: ``folds`` of them (left
    out: five, or as many as there are groups where these are fewer), or one for ``composition=X`` and ``year``.

    A size counts where it may be learned from (`Outcome.learnable_size_nm`): that of a spoiled run, or of another
    product, is none. ``max_size_nm`` leaves larger ones out altogether. Experiments without a size (failures) that
    belong to no tested group are in every training part; those of a tested group are in none, and are tested
    ``with_failures`` only: without it everything that is tested has a known size.

    Raises `DataError` for an unknown name, for fewer groups than folds, or where nothing is left to test or to learn
    from.
    """
    check_split(name)
    if name == "paper":
        if max_size_nm not in (None, PAPER_MAX_SIZE_NM):
            raise DataError(
                f"the split 'paper' goes up to {PAPER_MAX_SIZE_NM:g} nm by its protocol; leave the limit out"
            )
        return paper(experiments)
    used = [index for index, one in enumerate(experiments) if max_size_nm is None or _size(one) <= max_size_nm]
    chosen = [experiments[index] for index in used]
    if not any(one.outcome.learnable_size_nm is not None for one in chosen):
        limit = "" if max_size_nm is None else f" up to {max_size_nm:g} nm"
        raise DataError(f"no experiment has a known size{limit}; nothing can be tested")
    if name == "year":
        pairs = _by_year(chosen, with_failures)
    elif name.startswith(COMPOSITION):
        pairs = _by_composition(chosen, name.removeprefix(COMPOSITION), with_failures)
    else:
        pairs = _by_group(chosen, _GROUPS[name](chosen), name, folds, seed, with_failures)
    where = np.array(used, dtype=np.int64)
    return [(where[train], where[test]) for train, test in pairs]


def check_split(name: str) -> None:
    """Raises `DataError` for a name that `split` does not know."""
    if name in ("paper", "year", *_GROUPS) or (name.startswith(COMPOSITION) and name != COMPOSITION):
        return
    raise DataError(f"no split is called {name!r}; use one of {', '.join(SPLITS)}")


def paper(experiments: Sequence[Experiment]) -> list[Split]:
    """Gu et al.'s folds: KFold(5, shuffle, random_state=0) over the rows with 300 particles or more and up to 20 nm.

    All other rows up to 20 nm with fewer (or an unknown number of) particles are in every training part.
    """
    from sklearn.model_selection import KFold

    known = [index for index, one in enumerate(experiments) if one.outcome.learnable_size_nm is not None]
    small = [index for index in known if _size(experiments[index]) <= PAPER_MAX_SIZE_NM]
    counted = [index for index in small if (experiments[index].outcome.particle_count or 0) >= PAPER_MIN_PARTICLES]
    if len(counted) < FOLDS:
        raise DataError(
            f"the split 'paper' needs {FOLDS} experiments with {PAPER_MIN_PARTICLES} particles or more and "
            f"{PAPER_MAX_SIZE_NM:g} nm or less; here are {len(counted)}; use another split"
        )
    tested = np.array(counted, dtype=np.int64)
    others = np.array(sorted(set(small) - set(counted)), dtype=np.int64)
    folds = KFold(FOLDS, shuffle=True, random_state=0).split(tested)
    return [(np.concatenate([tested[train], others]), tested[test]) for train, test in folds]


def near_duplicates(experiments: Sequence[Experiment]) -> list[Hashable]:
    """A label for each experiment; equal labels: same source, product, chemicals and amounts (conditions may differ).

    One synthesis sampled at several times, or a sweep of the temperature, is one group.
    """
    return [
        (
            source_key(one.source),
            one.recipe.product,
            tuple(
                sorted(
                    (chemical_key(reagent.name), str(reagent.vessel), str(reagent.amount_mmol))
                    for reagent in one.recipe.reagents
                )
            ),
        )
        for one in experiments
    ]


def _rows(experiments: Sequence[Experiment]) -> list[Hashable]:
    return list(range(len(experiments)))


def _sources(experiments: Sequence[Experiment]) -> list[Hashable]:
    # Experiments of unknown source may stem from one paper: they stay together.
    return [source_key(one.source) for one in experiments]


def _products(experiments: Sequence[Experiment]) -> list[Hashable]:
    # As published, phases apart: the yardsticks in the literature of this project are measured so.
    return [one.recipe.product for one in experiments]


def _formulas(experiments: Sequence[Experiment]) -> list[Hashable]:
    return [without_phase(one.recipe.product) for one in experiments]


def _chemicals(experiments: Sequence[Experiment]) -> list[Hashable]:
    return [
        (one.recipe.product, frozenset(chemical_key(reagent.name) for reagent in one.recipe.reagents))
        for one in experiments
    ]


_GROUPS: dict[str, Callable[[Sequence[Experiment]], list[Hashable]]] = {
    "random": near_duplicates,
    "rows": _rows,
    "source": _sources,
    "product": _products,
    "formula": _formulas,
    "chemicals": _chemicals,
}
SPLITS = ("paper", *_GROUPS, f"{COMPOSITION}X", "year")


def _by_group(
    experiments: Sequence[Experiment],
    groups: list[Hashable],
    name: str,
    folds: int | None,
    seed: int,
    with_failures: bool,
) -> list[Split]:
    """Groups in random order, each to the fold that has the fewest tested experiments so far."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    labels = np.array([numbers[group] for group in groups], dtype=np.int64)
    tested = np.array([one.outcome.learnable_size_nm is not None for one in experiments], dtype=bool)
    sizes = np.bincount(labels[tested], minlength=len(numbers))
    scored = np.flatnonzero(sizes)
    groups_said = f"the split {name!r} has {len(scored)} group{'' if len(scored) == 1 else 's'} with a known size"
    if folds is None:
        if len(scored) < 2:
            others = " or ".join(other for other in ("random", "rows") if other != name)
            raise DataError(f"{groups_said}, and needs two or more; use another split, such as {others}")
        folds = min(FOLDS, len(scored))
    elif folds < 2 or len(scored) < folds:
        raise DataError(
            f"{groups_said} for {folds} folds; use 2 folds or more, no more than there are groups, or another split"
        )
    order = np.random.default_rng(seed).permutation(scored)
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of = np.full(len(numbers), -1)
    load = np.zeros(folds, dtype=np.int64)
    for group in order:
        lightest = int(np.argmin(load))
        fold_of[group] = lightest
        load[lightest] += sizes[group]
    place = fold_of[labels]
    if with_failures:
        tested = np.ones_like(tested)
    return [(np.flatnonzero(place != fold), np.flatnonzero((place == fold) & tested)) for fold in range(folds)]


def _by_composition(experiments: Sequence[Experiment], composition: str, with_failures: bool) -> list[Split]:
    """One pair: whatever makes the composition, in any phase, is tested; all others are learned from."""
    products = [without_phase(one.recipe.product) for one in experiments]
    inside = np.array([product == without_phase(composition) for product in products], dtype=bool)
    tested = inside & [one.outcome.learnable_size_nm is not None for one in experiments]
    if not tested.any():
        near = difflib.get_close_matches(composition, sorted(set(products)), n=3, cutoff=0.3)
        hint = f"; similar ones are {', '.join(near)}" if near else ""
        raise DataError(f"no experiment with a known size makes {composition!r}{hint}")
    if all(one.outcome.learnable_size_nm is None for one, out in zip(experiments, inside, strict=True) if not out):
        raise DataError(f"all sizes are of {composition!r}: nothing is left to learn from; use another split")
    return [(np.flatnonzero(~inside), np.flatnonzero(inside if with_failures else tested))]


def _by_year(experiments: Sequence[Experiment], with_failures: bool) -> list[Split]:
    """One pair: earlier years are learned from, the latest are tested.

    A source of unknown year is in neither part: it may be later than what is tested.
    """
    known = [year_of(one.source) for one in experiments]
    years = np.array([-1 if year is None else year for year in known], dtype=np.int64)
    sized = np.array([one.outcome.learnable_size_nm is not None for one in experiments], dtype=bool)
    dated = np.sort(years[sized & (years > 0)])
    if len(np.unique(dated)) < 2:
        raise DataError(
            f"the split 'year' needs sizes from two years or more, as DOIs or citations tell them; here are "
            f"{len(np.unique(dated))}; use another split"
        )
    # The latest year that leaves at least the wanted share at or after it, and something before it.
    first = max(int(dated[len(dated) - int(np.ceil(TESTED_BY_YEAR * len(dated)))]), int(dated[dated > dated[0]][0]))
    tested = (years >= first) & (sized | with_failures)
    return [(np.flatnonzero((years > 0) & (years < first)), np.flatnonzero(tested))]


def _size(experiment: Experiment) -> float:
    size = experiment.outcome.learnable_size_nm
    return size if size is not None else 0.0
