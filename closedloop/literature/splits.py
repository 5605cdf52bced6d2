"""Training and test indices that do not leak: experiments that belong together stay on one side.

``random`` keeps near duplicates together (`near_duplicates`); ``source``, ``product`` and ``chemicals`` keep whole
papers, products, or products with one set of chemicals together. ``paper`` is the protocol of Gu et al. and leaks: it
is there to compare with their figures, not to learn how good a model is.
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from closedloop.chemistry import UnknownChemical, resolve
from closedloop.literature.errors import DataError
from closedloop.recipes import Experiment

Indices = NDArray[np.int64]
Split = tuple[Indices, Indices]

FOLDS = 5
PAPER_MIN_PARTICLES = 300
PAPER_MAX_SIZE_NM = 20.0


def split(
    experiments: Sequence[Experiment], name: str, *, folds: int = FOLDS, seed: int = 0, max_size_nm: float | None = None
) -> list[Split]:
    """``folds`` pairs (training, test) of indices into ``experiments``, by the split called ``name``.

    Only experiments with a known size are tested; ``max_size_nm`` leaves larger ones out altogether. Experiments
    without a size (failures) that belong to no tested group are in every training part. Raises `DataError` for an
    unknown name, or for fewer groups than folds.
    """
    if name == "paper":
        return paper(experiments)
    if name not in _GROUPS:
        raise DataError(f"no split is called {name!r}; use one of {', '.join(SPLITS)}")
    used = [index for index, one in enumerate(experiments) if max_size_nm is None or _size(one) <= max_size_nm]
    chosen = [experiments[index] for index in used]
    pairs = _by_group(chosen, _GROUPS[name](chosen), name, folds, seed)
    where = np.array(used, dtype=np.int64)
    return [(where[train], where[test]) for train, test in pairs]


def paper(experiments: Sequence[Experiment]) -> list[Split]:
    """Gu et al.'s folds: KFold(5, shuffle, random_state=0) over the rows with 300 particles or more and up to 20 nm.

    All other rows up to 20 nm with fewer (or an unknown number of) particles are in every training part.
    """
    from sklearn.model_selection import KFold

    known = [index for index, one in enumerate(experiments) if one.outcome.size_nm is not None]
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
            one.source,
            one.recipe.product,
            tuple(
                sorted((reagent.name, str(reagent.vessel), str(reagent.amount_mmol)) for reagent in one.recipe.reagents)
            ),
        )
        for one in experiments
    ]


def _sources(experiments: Sequence[Experiment]) -> list[Hashable]:
    # Experiments of unknown source may stem from one paper: they stay together.
    return [one.source for one in experiments]


def _products(experiments: Sequence[Experiment]) -> list[Hashable]:
    return [one.recipe.product for one in experiments]


def _chemicals(experiments: Sequence[Experiment]) -> list[Hashable]:
    canonical: dict[str, str] = {}

    def name(written: str) -> str:
        if written not in canonical:
            try:
                canonical[written] = resolve(written).name
            except UnknownChemical:
                canonical[written] = written
        return canonical[written]

    return [
        (one.recipe.product, frozenset(name(reagent.name) for reagent in one.recipe.reagents)) for one in experiments
    ]


_GROUPS: dict[str, Callable[[Sequence[Experiment]], list[Hashable]]] = {
    "random": near_duplicates,
    "source": _sources,
    "product": _products,
    "chemicals": _chemicals,
}
SPLITS = ("paper", *_GROUPS)


def _by_group(
    experiments: Sequence[Experiment], groups: list[Hashable], name: str, folds: int, seed: int
) -> list[Split]:
    """Groups in random order, each to the fold that has the fewest tested experiments so far."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    labels = np.array([numbers[group] for group in groups], dtype=np.int64)
    tested = np.array([one.outcome.size_nm is not None for one in experiments], dtype=bool)
    sizes = np.bincount(labels[tested], minlength=len(numbers))
    scored = np.flatnonzero(sizes)
    if folds < 2 or len(scored) < folds:
        raise DataError(
            f"the split {name!r} has {len(scored)} groups with a known size for {folds} folds; use 2 folds or more, "
            "no more than there are groups, or another split"
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
    return [(np.flatnonzero(place != fold), np.flatnonzero((place == fold) & tested)) for fold in range(folds)]


def _size(experiment: Experiment) -> float:
    size = experiment.outcome.size_nm
    return size if size is not None else 0.0
