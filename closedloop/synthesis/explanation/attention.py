"""Where the transformer looks: the attention of the token that its answer is read from, by what it looks at and layer.

Attention is not attribution: a token that gets little of it can decide the answer by way of others, and only a part of
the prediction is the transformer's. What a part contributes is `contributions`'s question. (Jain and Wallace,
"Attention is not Explanation", NAACL 2019.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from closedloop.recipes import Recipe, Role
from closedloop.synthesis.explanation.errors import NoPrecedents
from closedloop.synthesis.explanation.substitution import LABELS
from closedloop.synthesis.tokens import CONDITIONS, ROLES

if TYPE_CHECKING:
    from closedloop.synthesis.model import SynthesisModel

CLS, PRODUCT = "CLS (itself)", "product"
NO_ROLE = "chemical of unknown role"
KINDS = (CLS, PRODUCT, *(LABELS[field] for field in CONDITIONS), *(role.value for role in Role), NO_ROLE)
CAUTION = (
    "Attention shows where the transformer looks, not what decides its answer: a chemical that gets little attention "
    "can still matter through the others, and the prediction is only partly the transformer's. For what each part "
    "contributes see closedloop explain shapley."
)
_CHUNK = 256


@dataclass(frozen=True)
class Attention:
    """Averages over n recipes, all members and all heads; rows are `KINDS`, columns the layers.

    ``share`` (kinds, layers): of all attention, each column adding up to one. ``per_token`` (kinds, layers): what one
    token of this kind gets where there is one, in multiples of an even share; NaN where no recipe has one.
    ``first`` (kinds, layers): in what share of the recipes the most attended token, CLS apart, is of this kind.
    ``present`` (kinds,): in how many recipes the kind occurs.
    """

    recipes: int
    share: np.ndarray
    per_token: np.ndarray
    first: np.ndarray
    present: np.ndarray

    def to_json(self) -> dict[str, object]:
        """``per_token`` is null for a kind that no recipe has."""
        kinds = [
            {
                "kind": kind,
                "recipes": int(self.present[i]),
                "share": self.share[i].tolist(),
                "per_token": self.per_token[i].tolist() if self.present[i] else None,
                "first": self.first[i].tolist(),
            }
            for i, kind in enumerate(KINDS)
        ]
        return {"recipes": self.recipes, "layers": self.share.shape[1], "kinds": kinds, "caution": CAUTION}


def attention(
    model: "SynthesisModel", recipes: Sequence[Recipe], *, progress: Callable[[float, str], None] | None = None
) -> Attention:
    """Raises `NoPrecedents` for no recipe at all."""
    if not recipes:
        raise NoPrecedents("there is no recipe whose attention could be shown; give one, or experiments with --data")
    share: np.ndarray | float = 0.0
    first: np.ndarray | float = 0.0
    relative: np.ndarray | float = 0.0
    present = np.zeros(len(KINDS))
    for start in range(0, len(recipes), _CHUNK):
        if progress:
            progress(start / len(recipes), f"{len(recipes)} recipes")
        weights, kinds = _from_cls(model, recipes[start : start + _CHUNK])
        belongs = kinds[None] == np.arange(len(KINDS))[:, None, None]  # (kinds, n, t)
        count = belongs.sum(2)
        even = 1 / (kinds >= 0).sum(1)
        summed = np.einsum("lnt,knt->kln", weights, belongs)
        share = share + summed.sum(2)
        relative = relative + (summed / (np.maximum(count, 1) * even)[:, None]).sum(2)
        present += (count > 0).sum(1)
        others = np.where((kinds > 0)[None], weights, -1.0)
        winner = np.take_along_axis(np.broadcast_to(kinds, others.shape), others.argmax(2)[..., None], 2)[..., 0]
        first = first + (winner[None] == np.arange(len(KINDS))[:, None, None]).sum(2)
    n = len(recipes)
    with np.errstate(invalid="ignore"):
        per_token = np.where(present[:, None] > 0, relative / np.maximum(present, 1)[:, None], np.nan)
    return Attention(n, np.asarray(share) / n, per_token, np.asarray(first) / n, present.astype(int))


def _from_cls(model: "SynthesisModel", recipes: Sequence[Recipe]) -> tuple[np.ndarray, np.ndarray]:
    """Attention of CLS to every token, averaged over members and heads (layers, n, t), and the index of each token's
    kind in `KINDS` (n, t), -1 for padding."""
    import torch

    from closedloop.synthesis.training import shared, to_tokens

    arrays = model.vocabulary.encode(recipes)
    with torch.no_grad():
        tokens = shared(to_tokens(arrays, torch.device("cpu")), model.network.settings.members)
        layers = [layer[:, :, :, 0].mean((0, 2)) for layer in model.network.attention(tokens)]
    weights = torch.stack(layers).double().numpy()
    kind_of_role = np.empty(len(ROLES), dtype=int)
    for role, code in ROLES.items():
        kind_of_role[code] = KINDS.index(NO_ROLE if role is None else role.value)
    reagents = np.where(arrays.chemical > 0, kind_of_role[arrays.role], -1)
    always = np.array([KINDS.index(kind) for kind in (CLS, PRODUCT, *(LABELS[field] for field in CONDITIONS))])
    kinds = np.concatenate([np.tile(always, (len(recipes), 1)), reagents], 1)
    return weights, kinds
