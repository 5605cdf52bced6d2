"""Kinds of outlines over many images, found without names: k-means over the five descriptors, t-SNE to look at them.

As in figure 2 of Gu et al. (ACS Nano 2025), who show seven clusters; here k is chosen by a rule unless it is given.
Drawing is left to the page maker.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import ClosedloopError
from closedloop.tem.measurement import Measurement, Particle

DESCRIPTORS = ("circularity", "solidity", "convexity", "eccentricity", "aspect_ratio")
MOST_PARTICLES = 5000
MOST_CLUSTERS = 10
LEAST_PARTICLES = 30
_JUDGED_ON = 2000  # particles for the silhouette, which takes the square of their number

Array = NDArray[np.float64]


class TooFewToCluster(ClosedloopError):
    """The images show too few particles for clusters."""


@dataclass(frozen=True)
class Clusters:
    """n particles (a seeded sample where there are more than `MOST_PARTICLES`) in k clusters, the largest first.

    measurement and particle: (n,) indices of the measurement and of the particle in its list; cluster (n,) 0 to k - 1;
    embedding (n, 2) by t-SNE, which shows neighbours and not distances; means (k, 5): mean of each of `descriptors`;
    sizes_nm (k,) mean diameter; shares (k,) of the particles; silhouette: -1 to 1, how well apart the clusters lie
    (below about 0.25 they are slices of one cloud).
    """

    measurement: NDArray[np.int64] = field(repr=False)
    particle: NDArray[np.int64] = field(repr=False)
    cluster: NDArray[np.int64] = field(repr=False)
    embedding: Array = field(repr=False)
    means: Array
    sizes_nm: Array
    shares: Array
    silhouette: float
    silhouettes_by_k: dict[int, float]
    descriptors: tuple[str, ...] = DESCRIPTORS


def find_clusters(measurements: Sequence[Measurement], *, clusters: int | None = None, seed: int = 0) -> Clusters:
    """Cluster the whole particles of many images by their descriptors.

    clusters: k; where left out, the k from 2 to 10 with the largest mean silhouette. The descriptors are put on one
    scale first: aspect ratio by its logarithm, each by its mean and standard deviation, within ± 5 of it, so that a few
    odd outlines are not clusters of their own.

    Raises `TooFewToCluster` below 30 whole particles, or for fewer than ten per cluster.
    """
    from sklearn.cluster import KMeans
    from sklearn.manifold import TSNE
    from sklearn.metrics import silhouette_score

    generator = np.random.default_rng(seed)
    from_image, index, found = _gathered(measurements, generator)
    if len(found) < max(LEAST_PARTICLES, 10 * (clusters or 0)) or (clusters is not None and clusters < 2):
        wanted = f"{clusters} clusters of them" if clusters else "clusters"
        raise TooFewToCluster(f"{len(found)} whole particles give no {wanted}; bring more images, or ask for fewer")
    values = np.array([[getattr(particle, name) for name in DESCRIPTORS] for particle in found])
    scaled = _scaled(values)
    judged = generator.permutation(len(scaled))[:_JUDGED_ON]
    labels: dict[int, NDArray[np.int64]] = {}
    apart: dict[int, float] = {}
    for k in [clusters] if clusters else range(2, min(MOST_CLUSTERS, len(found) // 10) + 1):
        labels[k] = KMeans(k, n_init=5, random_state=seed).fit_predict(scaled).astype(np.int64)
        several = len(np.unique(labels[k][judged])) > 1
        apart[k] = float(silhouette_score(scaled[judged], labels[k][judged])) if several else 0.0
    best = max(apart, key=lambda k: apart[k])
    cluster = _largest_first(labels[best])
    count = np.bincount(cluster)
    embedding = TSNE(
        2, perplexity=min(30.0, (len(found) - 1) / 3), init="pca", learning_rate="auto", random_state=seed, n_jobs=1
    ).fit_transform(scaled + 1e-6 * generator.standard_normal(scaled.shape))
    diameters = np.array([particle.equivalent_diameter_nm for particle in found])
    return Clusters(
        measurement=from_image,
        particle=index,
        cluster=cluster,
        embedding=np.asarray(embedding, np.float64),
        means=np.stack([values[cluster == k].mean(axis=0) for k in range(len(count))]),
        sizes_nm=np.bincount(cluster, diameters) / count,
        shares=count / count.sum(),
        silhouette=apart[best],
        silhouettes_by_k=apart,
    )


def _gathered(
    measurements: Sequence[Measurement], generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[Particle]]:
    """Indices of image and particle, and the particles: all whole ones, or a sample of them."""
    at = [
        (i, j)
        for i, measurement in enumerate(measurements)
        for j, particle in enumerate(measurement.particles)
        if not particle.touches_edge
    ]
    if len(at) > MOST_PARTICLES:
        at = [at[k] for k in np.sort(generator.choice(len(at), MOST_PARTICLES, replace=False))]
    pairs = np.array(at, np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1], [measurements[i].particles[j] for i, j in at]


def _scaled(values: Array) -> Array:
    """(n, 5) on one scale."""
    values = values.copy()
    values[:, DESCRIPTORS.index("aspect_ratio")] = np.log(values[:, DESCRIPTORS.index("aspect_ratio")])
    return np.asarray(np.clip((values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-3), -5, 5))


def _largest_first(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    rank = np.empty(labels.max() + 1, np.int64)
    rank[np.argsort(-np.bincount(labels), kind="stable")] = np.arange(labels.max() + 1)
    return rank[labels]
