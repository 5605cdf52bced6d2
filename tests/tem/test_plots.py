"""The histogram holds every particle, and its curve counts as its bars do."""

import re

import numpy as np
import pytest

from closedloop.tem import plots
from closedloop.tem.distribution import describe


def test_bars_cover_all_sizes_and_are_neither_few_nor_endless() -> None:
    sizes = np.random.default_rng(0).lognormal(2, 0.1, 500)
    for given in (sizes, np.append(sizes, 5000.0), sizes[:2]):
        edges = plots.bin_edges(given)
        assert 5 <= len(edges) - 1 <= 60
        assert np.histogram(given, edges)[0].sum() == len(given)
        assert np.allclose(np.diff(edges), edges[1] - edges[0])
    assert len(plots.bin_edges(np.full(9, 4.0))) == 2


def test_curve_and_bars_have_the_same_area(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(plots, "svg", lambda figure, settings: drawn.append(figure) or "<svg/>")
    plots.histogram(describe(np.random.default_rng(0).lognormal(2, 0.1, 800)))
    axes = drawn[0].axes[0]
    curve = next(line for line in axes.lines if len(line.get_xdata()) > 2)
    bars = sum(bar.get_width() * bar.get_height() for bar in axes.patches)
    assert np.trapezoid(curve.get_ydata(), curve.get_xdata()) == pytest.approx(bars, rel=0.01)
    assert sum(bar.get_height() for bar in axes.patches) == 800


def test_the_words_give_fit_and_mean_and_the_file_depends_on_the_data_alone() -> None:
    found = describe(np.random.default_rng(0).lognormal(2, 0.1, 300))
    text = plots.histogram(found)
    assert text is not None
    assert text == plots.histogram(found)
    words = " ".join(re.findall(r">([^<>]+)<", text))
    assert found.lognormal is not None
    assert f"median {found.lognormal.median_nm:.3g} nm" in words
    assert f"mean {found.mean_nm:.4g}" in words


def test_few_particles_have_no_curve_and_none_no_picture() -> None:
    few = plots.histogram(describe([3.0, 4.0]))
    assert few is not None
    assert "log-normal" not in few
    assert plots.histogram(describe([5.0])) is not None
    assert plots.histogram(describe([])) is None
