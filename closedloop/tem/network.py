"""The network that sees particles: a U-Net whose contracting half is EfficientNet-Lite0.

Four maps at the resolution of the image: the logit that a pixel belongs to a particle, the seed map, and the horizontal
and vertical flow (see `closedloop.tem.learning.targets`). The design is the one of Gu et al. (ACS Nano 2025): a U-Net
with seed map and flows; the encoder (Tan and Le, ICML 2019, without squeeze-and-excitation) is fit for a laptop.
Batch normalisation of the encoder is folded into its convolutions, so it is convolutions and ReLU6 alone.
For looking, a processor that multiplies bfloat16 by itself may do so (docs/decisions/0105).
"""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from closedloop.tem.company import Company
from closedloop.tem.credibility import Credibility

MAPS = 4
# Expansion, kernel, stride, channels out, how many: EfficientNet-Lite0.
_BLOCKS = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
_STEM = 32
# After these blocks (counted from 0) the picture is 2, 4, 8, 16 and 32 times smaller than the image.
_SKIPS = (0, 2, 4, 10, 15)
_SKIP_CHANNELS = (16, 24, 40, 112, 320)
_DECODER = (24, 32, 48, 80, 128)
# From this block on the picture is 16 times smaller or more. What is finer does not bear bfloat16.
_COARSE = 5


class _Same(nn.Conv2d):
    """A convolution that pads as TensorFlow does: what is odd goes to the right and below."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(before, after, kernel, stride, padding=(kernel // 2 if stride == 1 else 0), groups=groups)
        spare = kernel - stride
        self.border = (spare // 2, spare - spare // 2) * 2 if stride > 1 else None

    def forward(self, input: Tensor, *, has_border: bool = False) -> Tensor:
        return super().forward(input if self.border is None or has_border else functional.pad(input, self.border))


class Block(nn.Module):
    """Inverted residual (Sandler et al., CVPR 2018)."""

    def __init__(self, before: int, after: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = before * expansion
        self.expand = _Same(before, wide, 1) if expansion > 1 else None
        self.depthwise = _Same(wide, wide, kernel, stride, groups=wide)
        self.project = _Same(wide, after, 1)
        self.residual = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        border = self.depthwise.border
        if self.expand is None:
            y = self.depthwise(x)
        elif border is None:
            y = self.depthwise(functional.relu6(self.expand(x), inplace=True))
        else:
            # As if it padded by itself, but that the border is laid round a sixth of the channels.
            wide = functional.relu6(self.expand(functional.pad(x, border)), inplace=True)
            y = self.depthwise(_clear(wide, border), has_border=True)
        y = self.project(functional.relu6(y, inplace=True))
        return x + y if self.residual else y


def _clear(x: Tensor, border: tuple[int, ...]) -> Tensor:
    """Zeros in the border of (n, c, H, W): left, right, above, below."""
    left, right, above, below = border
    height, width = x.shape[-2:]
    x[..., :left] = 0
    x[..., width - right :] = 0
    x[..., :above, :] = 0
    x[..., height - below :, :] = 0
    return x


class _Up(nn.Module):
    """Twice the size, joined with what the encoder saw there."""

    def __init__(self, below: int, skip: int, after: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(below + skip, after, 3, padding=1, bias=False), nn.BatchNorm2d(after))
        self.second = nn.Sequential(nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = functional.interpolate(x, size=skip.shape[-2:], mode="nearest")
        x = functional.relu(self.first(torch.cat([x, skip], 1)))
        return functional.relu(self.second(x))


class ParticleNet(nn.Module):
    """(n, 1, H, W) float32 between −1 and 1, H and W multiples of 32 -> (n, 4, H, W): logit, seed, flow x, flow y."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Same(1, _STEM, 3, 2)
        blocks, before = [], _STEM
        for expansion, kernel, stride, after, count in _BLOCKS:
            for i in range(count):
                blocks.append(Block(before, after, expansion, kernel, stride if i == 0 else 1))
                before = after
        self.blocks = nn.ModuleList(blocks)
        self.neck = nn.Sequential(
            nn.Conv2d(_SKIP_CHANNELS[-1], _DECODER[-1], 1, bias=False), nn.BatchNorm2d(_DECODER[-1])
        )
        self.ups = nn.ModuleList(
            _Up(_DECODER[i + 1], _SKIP_CHANNELS[i], _DECODER[i]) for i in reversed(range(len(_DECODER) - 1))
        )
        self.head = nn.Conv2d(_DECODER[0], MAPS, 3, padding=1)
        self.credibility = Credibility()  # learned of what is made from the maps
        self.company = Company()  # learned last, of what is credible
        self._short = False

    def ready(self, *, short: bool = False) -> Self:
        """For looking only: normalisation folded into the convolutions before it, nothing to be learned.

        short: what is coarse, and the way back up, may be computed in bfloat16.
        """
        self._short = short
        for module in self.modules():
            if isinstance(module, nn.Sequential) and isinstance(module[-1], nn.BatchNorm2d):
                convolution, normalisation = module[0], module[1]
                assert isinstance(convolution, nn.Conv2d)
                assert isinstance(normalisation, nn.BatchNorm2d)
                module[0] = fuse_conv_bn_eval(convolution.eval(), normalisation.eval())
                del module[1]
        return self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        x = functional.relu6(self.stem(x), inplace=True)
        seen = []
        for i, block in enumerate(self.blocks[:_COARSE]):
            x = block(x)
            if i in _SKIPS:
                seen.append(x)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self._short):
            for i, block in enumerate(self.blocks[_COARSE:], _COARSE):
                x = block(x)
                if i in _SKIPS:
                    seen.append(x)
            x = functional.relu(self.neck(seen.pop()))
            for up in self.ups:
                x = up(x, seen.pop())
        # The encoder's first step halves the picture; smooth maps lose nothing by being doubled again.
        return functional.interpolate(self.head(x.float()), size=size, mode="bilinear", align_corners=False)


def multiplies_bfloat16(device: str) -> bool:
    """Whether this machine's processor has instructions for bfloat16; without them it is slower than float32."""
    # An older torch cannot tell.
    has: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return device == "cpu" and bool(has.get("avx512_bf16") or has.get("amx_bf16"))
