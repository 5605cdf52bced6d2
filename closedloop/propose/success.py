"""The chance of success, corrected by what this campaign saw: a failure lowers it nearby, a success raises it.

A Gaussian process on the logit with the model's own logit as its mean, and the Laplace approximation of Rasmussen and
Williams (Gaussian Processes for Machine Learning, 2006, algorithm 3.1). Knows arrays only.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Standard deviations, in logits, of what the model may be wrong by: everywhere in this lab alike, and locally.
_SHARED_SD = 0.5
_LOCAL_SD = 2.5
# How far a failure speaks: of the root mean square distance between two random points of the cube, sqrt(d / 6). What
# spoils a recipe may be one amount or all the heat; the reaches are weighed by how well each explains the results.
_REACHES = (0.35, 0.7, 1.4)
# A model that is surer than this would need a dozen failures to be believed wrong.
_LARGEST_LOGIT = 4.0


def corrected_logit(
    unit: Array,
    logit: Array,
    tried_unit: Array,
    tried_logit: Array,
    tried_success: NDArray[np.bool_],
    *,
    shared_sd: float = _SHARED_SD,
) -> Array:
    """Posterior mean of the logit at ``unit`` (n, d), given the model's ``logit`` (n,) and t tried recipes.

    ``tried_unit`` (t, d), ``tried_logit`` (t,) and ``tried_success`` (t,) are this campaign's; with none of them the
    model's logit comes back, clipped. ``shared_sd``: how far the model may be off in this lab as a whole, in logits.
    """
    prior = np.clip(logit, -_LARGEST_LOGIT, _LARGEST_LOGIT)
    if not len(tried_unit):
        return np.asarray(prior)
    mean = np.clip(tried_logit, -_LARGEST_LOGIT, _LARGEST_LOGIT)
    labels = tried_success.astype(np.float64)
    corrections, evidence = [], []
    for reach in _REACHES:
        within = kernel(tried_unit, tried_unit, shared_sd, _LOCAL_SD, reach)
        gradient, log_evidence = _laplace(within, mean, labels)
        corrections.append(kernel(unit, tried_unit, shared_sd, _LOCAL_SD, reach) @ gradient)
        evidence.append(log_evidence)
    weight = np.exp(np.array(evidence) - max(evidence))
    return np.asarray(prior + (weight / weight.sum()) @ np.stack(corrections))


def kernel(a: Array, b: Array, shared_sd: float, local_sd: float, reach: float = _REACHES[0]) -> Array:
    """Covariance (n, m) of errors at ``a`` (n, d) and ``b`` (m, d): one in common, one that fades with distance."""
    squared = np.sum((a[:, None, :] - b[None, :, :]) ** 2, axis=-1)
    length_squared = reach**2 * a.shape[1] / 6
    return np.asarray(shared_sd**2 + local_sd**2 * np.exp(-0.5 * squared / length_squared))


def _laplace(kernel: Array, mean: Array, labels: Array) -> tuple[Array, float]:
    """``labels - sigmoid(f)`` at the posterior mode f, (t,), in which the posterior mean elsewhere is linear, and the
    logarithm of the evidence (their equation 3.32)."""
    latent = mean.copy()
    for _ in range(50):
        chance = _sigmoid(latent)
        weight = np.maximum(chance * (1 - chance), 1e-9)
        root = np.sqrt(weight)
        target = weight * (latent - mean) + labels - chance
        inner = np.eye(len(mean)) + root[:, None] * kernel * root[None, :]
        step = mean + kernel @ (target - root * np.linalg.solve(inner, root * (kernel @ target)))
        moved = float(np.max(np.abs(step - latent)))
        # Half steps keep Newton's iteration from swinging where the model was very sure and very wrong.
        latent = step if moved < 2 else (latent + step) / 2
        if moved < 1e-9:
            break
    gradient = labels - _sigmoid(latent)
    said = -float(np.logaddexp(0.0, np.where(labels > 0, -latent, latent)).sum())
    log_evidence = said - 0.5 * float(gradient @ (latent - mean)) - 0.5 * float(np.linalg.slogdet(inner)[1])
    return np.asarray(gradient), log_evidence


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))
