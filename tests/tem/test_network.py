"""The network for looking: as the one that was trained, whatever makes it faster."""

import copy

import pytest
import torch
from torch.nn import functional

from closedloop.tem.network import Block, ParticleNet, multiplies_bfloat16
from closedloop.tem.weights import SHIPPED, trainable


@pytest.mark.parametrize(("kernel", "expansion"), [(3, 6), (5, 6), (3, 1)])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_border_round_fewer_channels_changes_nothing(kernel: int, expansion: int, stride: int) -> None:
    torch.manual_seed(0)
    block = Block(8, 8, expansion, kernel, stride)
    x = torch.randn(2, 8, 16, 24, requires_grad=True)
    wide = x
    if block.expand is not None and block.expand.bias is not None:
        # A large bias: a border that is laid before the first convolution and not cleared would show.
        block.expand.bias.data += 3
        wide = functional.relu6(block.expand(x))
    wanted = block.project(functional.relu6(block.depthwise(wide)))
    wanted = x + wanted if block.residual else wanted
    found = block(x)
    assert found.shape == (2, 8, 16 // stride, 24 // stride)
    assert torch.allclose(found, wanted, atol=1e-6)
    of = [x, *block.parameters()]
    for one, other in zip(
        torch.autograd.grad(found.square().sum(), of), torch.autograd.grad(wanted.square().sum(), of), strict=True
    ):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)


def test_bfloat16_in_what_is_coarse_is_seen_in_nothing_that_matters() -> None:
    exact = trainable(SHIPPED).ready()
    short = copy.deepcopy(exact).ready(short=True)
    ys, xs = torch.meshgrid(torch.arange(128), torch.arange(160), indexing="ij")
    dots = ((ys % 32 - 16) ** 2 + (xs % 32 - 16) ** 2 < 100).float()
    picture = (0.6 - 1.2 * dots + 0.1 * torch.randn(128, 160, generator=torch.Generator().manual_seed(0)))[None, None]
    with torch.inference_mode():
        wanted, found = exact(picture), short(picture)
    assert found.dtype is torch.float32
    assert not torch.equal(found, wanted)
    assert float((found - wanted).abs().mean()) < 0.02 * float(wanted.std())
    assert float(((found[:, 0] > 0) != (wanted[:, 0] > 0)).float().mean()) < 0.001


def test_an_accelerator_and_an_old_torch_stay_with_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert multiplies_bfloat16("cpu")
    assert not multiplies_bfloat16("cuda")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False, "amx_bf16": False})
    assert not multiplies_bfloat16("cpu")
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not multiplies_bfloat16("cpu")


def test_it_learns_as_before() -> None:
    net = ParticleNet().train()
    net(torch.rand(2, 1, 64, 64)).square().mean().backward()
    gradients = [one.grad for name, one in net.named_parameters() if not name.startswith(("credibility", "company"))]
    assert all(one is not None and one.isfinite().all() for one in gradients)
