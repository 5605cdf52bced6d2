"""Hypothesis strategies for the values that every room shares."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from closedloop.recipes import (
    CauseKind,
    Evidence,
    Experiment,
    FailureCause,
    Limits,
    Method,
    Outcome,
    Reagent,
    Recipe,
    Role,
    Shape,
    Target,
    Vessel,
)

names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=20
)
amounts = st.floats(0, 1e6, allow_nan=False)
temperatures = st.floats(-273.15, 2000, allow_nan=False)
sizes = st.floats(1e-3, 1e5, allow_nan=False)


def unknown_or(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


reagents = st.builds(
    Reagent,
    name=names,
    amount_mmol=unknown_or(amounts),
    role=unknown_or(st.sampled_from(Role)),
    vessel=unknown_or(st.sampled_from(Vessel)),
)
recipes = st.builds(
    Recipe,
    product=names,
    reagents=st.lists(reagents, max_size=8, unique_by=lambda r: (r.name, r.vessel)).map(tuple),
    injection_temperature_c=unknown_or(temperatures),
    reaction_temperature_c=unknown_or(temperatures),
    heating_rate_c_per_min=unknown_or(amounts),
    reaction_time_min=unknown_or(amounts),
)
evidence = st.builds(
    Evidence,
    method=st.sampled_from(Method),
    files=st.lists(names, max_size=2).map(tuple),
    recorded_at=unknown_or(
        st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))
    ),
    note=unknown_or(names),
)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    cause = draw(unknown_or(st.sampled_from(FailureCause)))
    if cause is None:
        success = draw(st.sampled_from([None, True, False]))
    else:
        success = False if cause.kind is CauseKind.CHEMISTRY else None
    size_nm = draw(unknown_or(sizes))
    fewest = 0 if size_nm is None and not success else 1
    shapes = draw(st.lists(st.sampled_from(Shape), unique=True, max_size=4))
    return Outcome(
        success=success,
        failure_cause=cause,
        size_nm=size_nm,
        size_std_nm=draw(unknown_or(amounts)),
        particle_count=draw(unknown_or(st.integers(fewest, 10**6))),
        shape=draw(unknown_or(st.sampled_from(Shape))),
        shape_fractions={shape: 1 / len(shapes) for shape in shapes},
        observables=draw(st.dictionaries(names, amounts, max_size=2)),
        evidence=draw(unknown_or(evidence)),
    )


experiments = st.builds(Experiment, recipe=recipes, outcome=outcomes(), source=unknown_or(names), id=unknown_or(names))
limits = st.builds(
    Limits,
    allowed_chemicals=unknown_or(st.lists(names, max_size=3).map(tuple)),
    max_temperature_c=unknown_or(temperatures),
    max_reaction_time_min=unknown_or(amounts),
    max_amounts_mmol=st.dictionaries(names, amounts, max_size=3),
)
targets = st.builds(
    Target,
    product=names,
    size_nm=sizes,
    tolerance_nm=unknown_or(sizes),
    shape=unknown_or(st.sampled_from(Shape)),
    max_relative_spread=unknown_or(st.floats(0.01, 3)),
    limits=limits,
)
