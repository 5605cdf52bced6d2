"""The plots of a sample's page, as SVG text that an HTML page can carry inside itself or a file can hold."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from closedloop.plotting import plain_axes, svg
from closedloop.tem.distribution import Distribution

if TYPE_CHECKING:
    from closedloop.tem.clusters import Clusters

INK, BARS, FIT, MEAN = "#1b2733", "#b9cde0", "#b3372f", "#1a7f4b"
_FEWEST_BINS, _MOST_BINS = 5, 60
_POINTS = 400
# Text stays text, that it can be searched and edited.
_TEXT = {"svg.fonttype": "none"}


def histogram(distribution: Distribution, width_in: float = 6.4, height_in: float = 3.2) -> str | None:
    """Counts of diameters with the log-normal fit and the mean; ``None`` where there is no particle.

    The curve is the fit's density times the number of particles and the width of a bar: it counts as the bars do.
    """
    sizes = distribution.diameters_nm
    if not len(sizes):
        return None
    edges = bin_edges(sizes)
    figure, axes = plain_axes(width_in, height_in)
    axes.hist(sizes, bins=list(edges), color=BARS, edgecolor="white", linewidth=0.6)
    fit = distribution.lognormal
    if fit is not None:
        margin = 0.15 * (edges[-1] - edges[0])
        at = np.linspace(max(edges[0] - margin, 1e-9), edges[-1] + margin, _POINTS)
        label = f"log-normal: median {fit.median_nm:.3g} nm, geometric SD {fit.geometric_std:.3f}"
        axes.plot(at, fit.density(at) * len(sizes) * (edges[1] - edges[0]), color=FIT, linewidth=1.5, label=label)
    if distribution.mean_nm is not None:
        spread = "" if distribution.std_nm is None else f" ± {distribution.std_nm:.2g}"
        axes.axvline(
            distribution.mean_nm, color=MEAN, linewidth=1.2, label=f"mean {distribution.mean_nm:.4g}{spread} nm"
        )
    axes.set(xlabel="equivalent circle diameter, nm", ylabel=f"particles (of {len(sizes)})")
    axes.set_ylim(top=1.3 * axes.get_ylim()[1])  # room for the legend
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    return svg(figure, _TEXT)


def cluster_map(clusters: "Clusters", width_in: float = 6.4, height_in: float = 4.2) -> str:
    """The particles as t-SNE lays them out, in their clusters' colours: neighbours are alike, distances say nothing."""
    from matplotlib import colormaps

    figure, axes = plain_axes(width_in, height_in)
    colours = colormaps["tab10"]
    for number, share in enumerate(clusters.shares):
        at = clusters.embedding[clusters.cluster == number]
        label = f"{number + 1}: {share:.0%}, {clusters.sizes_nm[number]:.3g} nm"
        axes.scatter(
            at[:, 0], at[:, 1], s=9, color=colours(number), label=label, linewidths=0, rasterized=len(at) > 500
        )
    axes.set(xticks=[], yticks=[], xlabel="t-SNE", ylabel="")
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return svg(figure, _TEXT)


def bin_edges(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bars after Freedman and Diaconis (Z. Wahrscheinlichkeitsth. 1981, 57, 453), 5 to 60 of them, over all sizes."""
    low, high = float(sizes.min()), float(sizes.max())
    if high - low < 1e-9 * high:
        return np.array([0.9 * low, 1.1 * low])
    bars = len(np.histogram_bin_edges(sizes, bins="fd")) - 1 if len(sizes) > 1 else 1
    return np.linspace(low, high, int(np.clip(bars, _FEWEST_BINS, _MOST_BINS)) + 1)
