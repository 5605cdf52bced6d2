"""The transformer over a set of tokens, all members of the ensemble at once: every weight has a leading member axis.

Shapes: k members, n recipes, r reagents, t tokens, w width. There is no position in it, so that the order of reagents
cannot matter. Training is `training`'s part, what the numbers mean is `model`'s.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from closedloop.chemistry.descriptors import COMPOSITION_SIZE, SUBSTANCE_SIZE
from closedloop.recipes import Shape
from closedloop.synthesis.tokens import CONDITIONS, KNOWN, ROLES, VESSELS

SHAPES = tuple(Shape)
# A size or shape that is wished for: known or not (size), one of the classes or none (shape).
NO_SHAPE = len(SHAPES)


@dataclass(frozen=True)
class Settings:
    """The network's form."""

    members: int = 6
    width: int = 32
    heads: int = 4
    layers: int = 2
    dropout: float = 0.15


@dataclass
class Tokens:
    """`tokens.Arrays` as tensors, each (k, n, …), the tables without the member axis."""

    chemical: Tensor
    identity: Tensor
    log_amount: Tensor
    state: Tensor
    role: Tensor
    vessel: Tensor
    conditions: Tensor
    condition_known: Tensor
    product: Tensor
    chemical_table: Tensor
    known_chemical: Tensor
    product_table: Tensor
    known_product: Tensor
    wished_size: Tensor | None = None
    wished_shape: Tensor | None = None


@dataclass
class Heads:
    """Standardised log size (k, n) and the logarithm of its variance (k, n); shape (k, n, 11) as logits; logarithm of
    the relative spread of the particles' sizes (k, n); standardised log amount (k, n, r), of no reagent unless asked
    for; representation (k, n, w)."""

    size: Tensor
    log_variance: Tensor
    shape: Tensor
    log_spread: Tensor
    amount: Tensor
    representation: Tensor


class Linear(nn.Module):
    """(k, n, i) -> (k, n, o), or (n, i) -> (k, n, o) for an input that all members share."""

    def __init__(self, members: int, inputs: int, outputs: int, *, scale: float = 1.0) -> None:
        super().__init__()
        bound = scale * math.sqrt(3 / inputs)
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 2:
            x = x.expand(len(self.weight), *x.shape)
        shape = x.shape
        y = torch.baddbmm(self.bias, x.reshape(shape[0], -1, shape[-1]), self.weight)
        return y.reshape(*shape[:-1], -1)


class Norm(nn.Module):
    """Layer normalisation with a scale and a shift for each member."""

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(members, 1, 1, width))
        self.shift = nn.Parameter(torch.zeros(members, 1, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:]) * self.scale + self.shift


class Embedding(nn.Module):
    """Codes (k, n, …) -> (k, n, …, w)."""

    def __init__(self, members: int, codes: int, width: int, *, scale: float = 0.1) -> None:
        super().__init__()
        self.weight = nn.Parameter(scale * torch.randn(members, codes, width))

    def forward(self, codes: Tensor) -> Tensor:
        return _rows(self.weight, codes)


def _rows(tables: Tensor, codes: Tensor) -> Tensor:
    """Tables (k, c, w) and codes (k, n, …) -> (k, n, …, w); as one table, whose gradient is far cheaper."""
    k, c, w = tables.shape
    first = c * torch.arange(k, device=codes.device).reshape(-1, *[1] * (codes.dim() - 1))
    return functional.embedding(codes + first, tables.reshape(k * c, w))


class Layer(nn.Module):
    """Attention and a feed-forward step, each normalised before it is added."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        k, w = settings.members, settings.width
        self.heads, self.dropout = settings.heads, settings.dropout
        self.norm_1, self.norm_2 = Norm(k, w), Norm(k, w)
        self.query_key_value = Linear(k, w, 3 * w)
        self.out = Linear(k, w, w, scale=0.5)
        self.up, self.down = Linear(k, w, 2 * w), Linear(k, 2 * w, w, scale=0.5)

    def forward(self, x: Tensor, present: Tensor, asked: int | None = None) -> Tensor:
        """x (k, n, t, w); present (k, n, t) is false for padding; only the first ``asked`` tokens are computed."""
        k, n, t, w = x.shape
        query, key, value = self._query_key_value(x)
        x, query = x[:, :, :asked], query[:, :, :asked]
        mask = present.reshape(k * n, 1, 1, t)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = x + self._drop(self.out(mixed.transpose(1, 2).reshape(k, n, -1, w)))
        return x + self._drop(self.down(functional.gelu(self.up(self.norm_2(x)))))

    def attention(self, x: Tensor, present: Tensor) -> Tensor:
        """The weights with which `forward` mixes: (k, n, heads, t, t), from row to column; each row adds up to one."""
        k, n, t, _ = x.shape
        query, key, _ = self._query_key_value(x)
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        weights = scores.masked_fill(~present.reshape(k * n, 1, 1, t), -math.inf).softmax(-1)
        return weights.reshape(k, n, self.heads, t, t)

    def _query_key_value(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Each (k * n, heads, t, w / heads)."""
        k, n, t, w = x.shape
        parts = self.query_key_value(self.norm_1(x)).reshape(k * n, t, 3, self.heads, w // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        return query, key, value

    def _drop(self, x: Tensor) -> Tensor:
        # One draw for each channel of a recipe rather than of a token: as good a regulariser, and a tenth of the cost.
        if not self.training or not self.dropout:
            return x
        keep = torch.rand(x.shape[0], x.shape[1], 1, x.shape[3], device=x.device) >= self.dropout
        return x * keep / (1 - self.dropout)


class Network(nn.Module):
    """`Tokens` -> `Heads`."""

    def __init__(self, settings: Settings, chemicals: int, amount_centre: float, amount_scale: float) -> None:
        super().__init__()
        k, w = settings.members, settings.width
        self.settings, self.amount_centre, self.amount_scale = settings, amount_centre, amount_scale
        self.chemical = Linear(k, SUBSTANCE_SIZE, w)
        # One row for each chemical of the vocabulary after row 0, which a chemical that is new shares.
        self.identity = Embedding(k, 1 + chemicals, w)
        self.unknown_chemical = Embedding(k, 1, w)
        self.amount_in, self.amount_out = Linear(k, 3, w), Linear(k, w, w)
        self.amount_state = Embedding(k, 3, w)
        self.role, self.vessel = Embedding(k, len(ROLES), w), Embedding(k, len(VESSELS), w)
        self.product, self.unknown_product = Linear(k, COMPOSITION_SIZE, w), Embedding(k, 1, w)
        self.condition_kind = Embedding(k, len(CONDITIONS), w)
        self.unknown_condition = Embedding(k, len(CONDITIONS), w)
        self.condition_in, self.condition_out = Linear(k, 1 + len(CONDITIONS), w), Linear(k, w, w)
        self.cls, self.total = Embedding(k, 1, w), Linear(k, 1, w)
        self.wished_size, self.wished_shape = Linear(k, 1, w), Embedding(k, NO_SHAPE + 1, w)
        self.layers = nn.ModuleList(Layer(settings) for _ in range(settings.layers))
        self.norm = Norm(k, w)
        self.size_head, self.shape_head = Linear(k, w, 2, scale=0.3), Linear(k, w, len(SHAPES), scale=0.3)
        self.spread_head, self.amount_head = Linear(k, w, 1, scale=0.3), Linear(k, w, 1, scale=0.3)

    def forward(self, tokens: Tokens, *, amounts: bool = False) -> Heads:
        """``amounts``: whether to compute the amount head too, which needs every token to the end."""
        x, present = self._sequence(tokens)
        always = x.shape[2] - tokens.chemical.shape[2]
        for number, layer in enumerate(self.layers, 1):
            x = layer(x, present, 1 if number == len(self.layers) and not amounts else None)
        x = self.norm(x)
        cls = x[:, :, 0]
        size = self.size_head(cls)
        return Heads(
            size[..., 0],
            size[..., 1].clamp(-6, 3),
            self.shape_head(cls),
            self.spread_head(cls)[..., 0],
            self.amount_head(x[:, :, always:])[..., 0] if amounts else x.new_zeros(*x.shape[:2], 0),
            cls,
        )

    def attention(self, tokens: Tokens) -> list[Tensor]:
        """How much each token looks at each other one, never at padding: one (k, n, heads, t, t) for each layer.

        The tokens' order is CLS, product, conditions, what is wished for (if anything), reagents (the last r).
        """
        x, present = self._sequence(tokens)
        weights = []
        for layer in self.layers:
            assert isinstance(layer, Layer)
            weights.append(layer.attention(x, present))
            x = layer(x, present)
        return weights

    def _sequence(self, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """What goes into the first layer (k, n, t, w), and which of the tokens are no padding (k, n, t)."""
        reagents, present = self._reagents(tokens)
        head = [self._cls(tokens), self._product(tokens), self._conditions(tokens)]
        if tokens.wished_size is not None and tokens.wished_shape is not None:
            wish = self.wished_size(tokens.wished_size[..., None]) + self.wished_shape(tokens.wished_shape)
            head.append(wish[:, :, None])
        x = torch.cat([*head, reagents], 2)
        return x, functional.pad(present, (x.shape[2] - reagents.shape[2], 0), value=True)

    def _reagents(self, t: Tokens) -> tuple[Tensor, Tensor]:
        present, known = t.chemical > 0, (t.state == KNOWN) & (t.chemical > 0)
        amount = t.log_amount.exp() * known
        fraction = amount / amount.sum(-1, keepdim=True).clamp_min(1e-12)
        features = torch.stack(
            [
                (t.log_amount - self.amount_centre) / self.amount_scale,
                (fraction.clamp_min(1e-7).log() + 3) / 2,
                2 * fraction,
            ],
            -1,
        )
        amounts = self.amount_out(functional.gelu(self.amount_in(features))) * known[..., None]
        table = self.chemical(t.chemical_table)
        table = torch.where(t.known_chemical[None, :, None], table, self.unknown_chemical.weight)
        x = _rows(table, t.chemical) + self.identity(t.identity)
        x = x + self.role(t.role) + self.vessel(t.vessel) + self.amount_state(t.state) + amounts
        return x, present

    def _product(self, t: Tokens) -> Tensor:
        table = self.product(t.product_table)
        table = torch.where(t.known_product[None, :, None], table, self.unknown_product.weight)
        return _rows(table, t.product)[:, :, None]

    def _conditions(self, t: Tokens) -> Tensor:
        which = torch.eye(len(CONDITIONS), device=t.conditions.device).expand(*t.conditions.shape, -1)
        features = torch.cat([t.conditions[..., None], which], -1)
        known = self.condition_out(functional.gelu(self.condition_in(features)))
        kind, unknown = self.condition_kind.weight[:, None], self.unknown_condition.weight[:, None]
        return kind + torch.where(t.condition_known[..., None], known, unknown)

    def _cls(self, t: Tokens) -> Tensor:
        known = (t.state == KNOWN) & (t.chemical > 0)
        total = (t.log_amount.exp() * known).sum(-1, keepdim=True).clamp_min(1e-4).log()
        total = (total - self.amount_centre) / self.amount_scale
        return (self.cls.weight[:, :1] + self.total(total))[:, :, None]
