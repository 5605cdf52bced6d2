"""Clusters over images: kinds that are there are found, and what is returned points at the right particles."""

from dataclasses import replace

import numpy as np
import pytest

from closedloop.recipes import Shape
from closedloop.tem import clusters as module
from closedloop.tem.clusters import TooFewToCluster, find_clusters
from closedloop.tem.measurement import Measurement, Particle
from closedloop.tem.scale import Scale

_KINDS = {
    "disc": (0.97, 0.99, 0.99, 0.2, 1.02),
    "rod": (0.5, 0.98, 0.98, 0.95, 3.2),
    "star": (0.4, 0.6, 0.75, 0.2, 1.02),
}


def _particle(kind: str, diameter: float, generator: np.random.Generator, edge: bool = False) -> Particle:
    values = np.array(_KINDS[kind]) + 0.005 * generator.standard_normal(5)
    return Particle(
        label=1,
        equivalent_diameter_nm=diameter,
        area_nm2=np.pi / 4 * diameter**2,
        perimeter_nm=1.0,
        circularity=values[0],
        solidity=values[1],
        convexity=values[2],
        eccentricity=values[3],
        aspect_ratio=values[4],
        shape=Shape.SPHERE,
        confidence=1.0,
        touches_edge=edge,
        feret_max_nm=diameter,
        feret_min_nm=diameter,
        feret_max90_nm=diameter,
        shape_confidence=1.0,
        doubts=(),
        edge_weight=1.0,
        row_px=0.0,
        column_px=0.0,
    )


def _measurement(particles: list[Particle]) -> Measurement:
    blank = np.zeros((1, 1))
    return Measurement("a", Scale(1.0, 1.0, "user"), tuple(particles), blank.astype(np.int32), blank.astype(np.float32))


@pytest.fixture(scope="module")
def images() -> list[Measurement]:
    generator = np.random.default_rng(0)
    first = [_particle("disc", 10, generator) for _ in range(45)] + [_particle("rod", 20, generator) for _ in range(15)]
    second = [_particle("rod", 20, generator, edge=i < 10) for i in range(25)]
    second += [_particle("star", 30, generator) for _ in range(20)]
    return [_measurement(first), _measurement(second)]


def test_kinds_are_found_without_their_names(images: list[Measurement]) -> None:
    found = find_clusters(images)
    assert max(found.silhouettes_by_k, key=lambda k: found.silhouettes_by_k[k]) == 3
    assert found.silhouette > 0.8
    assert found.shares == pytest.approx(np.array([45, 30, 20]) / 95)
    assert found.sizes_nm == pytest.approx([10, 20, 30])
    assert found.means == pytest.approx(np.array(list(_KINDS.values())), abs=0.01)
    # The embedding keeps each kind together: the nearest neighbour is of the same kind.
    gaps = np.hypot(*(found.embedding[:, None] - found.embedding[None]).transpose(2, 0, 1)) + np.diag([np.inf] * 95)
    assert (found.cluster[gaps.argmin(axis=1)] == found.cluster).mean() > 0.97


def test_indices_point_at_the_whole_particles(images: list[Measurement]) -> None:
    found = find_clusters(images, clusters=3)
    picked = [images[i].particles[j] for i, j in zip(found.measurement, found.particle, strict=True)]
    assert len(picked) == 95
    assert not any(particle.touches_edge for particle in picked)
    for particle, cluster in zip(picked, found.cluster, strict=True):
        assert particle.equivalent_diameter_nm == (10, 20, 30)[cluster]


def test_more_particles_than_the_bound_are_sampled_by_the_seed(
    images: list[Measurement], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_PARTICLES", 60)
    one, same, other = (find_clusters(images, clusters=2, seed=seed) for seed in (1, 1, 2))
    assert len(one.cluster) == 60
    assert np.array_equal(one.particle, same.particle)
    assert np.array_equal(one.embedding, same.embedding)
    assert not np.array_equal(one.particle, other.particle)


def test_too_few_are_refused_by_name(images: list[Measurement]) -> None:
    few = replace(images[0], particles=images[0].particles[:20])
    with pytest.raises(TooFewToCluster, match="20 whole particles"):
        find_clusters([few])
    with pytest.raises(TooFewToCluster):
        find_clusters(images, clusters=50)
    with pytest.raises(TooFewToCluster):
        find_clusters([])
