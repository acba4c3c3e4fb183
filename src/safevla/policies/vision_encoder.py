"""The vision encoder: convolutions that know the world's things by their shapes, learnt once and frozen under every policy.

A convolution over patches and two strides more, residual layers after each; what the coarsest cells know of their surroundings is
added to the finer ones. A CPU spends its time on large pictures of few channels, so the first stride is a large one. Batch norms help to
learn; `folded` has put them into the convolutions, and who only sees pays nothing for them. `imitation.encoder_pretraining` trains it.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from safevla.config.encoder_config import EncoderConfig
from safevla.env import privileged_targets



class Seen(NamedTuple):
    """What a picture shows, by the cells of a coarse grid."""

    features: torch.Tensor  # (N, width, gh, gw)
    class_logits: torch.Tensor  # (N, N_CLASSES, gh, gw)


class _Conv(nn.Module):
    """A convolution, normed while it learns."""

    def __init__(self, n_in: int, n_out: int, size: int, stride: int, is_normed: bool, groups: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, size, stride, size // 2, groups=groups, bias=not is_normed)
        self.norm = nn.BatchNorm2d(n_out) if is_normed else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return x if self.norm is None else self.norm(x)

    def folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias of the convolution that does the same without a norm."""
        norm = self.norm
        assert norm is not None and norm.running_var is not None and norm.running_mean is not None
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return self.conv.weight * gain[:, None, None, None], norm.bias - gain * norm.running_mean


class _Residual(nn.Module):
    """Narrow, look around, widen; added to what came in."""

    def __init__(self, width: int, narrow: int, is_normed: bool):
        super().__init__()
        self.narrow = _Conv(width, narrow, 1, 1, is_normed)
        self.around = _Conv(narrow, narrow, 3, 1, is_normed)
        self.widen = _Conv(narrow, width, 1, 1, is_normed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = functional.relu(self.around(functional.relu(self.narrow(x))))
        return functional.relu(x + self.widen(inner))


class _Separable(nn.Module):
    """Each channel looks around, then the channels are mixed; added to what came in, where that has the same shape."""

    def __init__(self, n_in: int, n_out: int, size: int, stride: int, is_normed: bool, expand: int = 1):
        super().__init__()
        self.around = _Conv(n_in, n_in, size, stride, is_normed, n_in)
        self.mix = _Conv(n_in, n_out * expand, 1, 1, is_normed)
        self.project = _Conv(n_out * expand, n_out, 1, 1, is_normed) if expand > 1 else None
        self.is_added = n_in == n_out and stride == 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.mix(self.around(x))
        if self.project is not None:
            inner = self.project(functional.relu(inner))
        return functional.relu(x + inner if self.is_added else inner)


def _sep_level(n_in: int, width: int, size: int, stride: int, n_blocks: int, is_normed: bool, expand: int, dense: bool) -> nn.Sequential:
    first = nn.Sequential(_Conv(n_in, width, 3, stride, is_normed), nn.ReLU()) if dense else _Separable(n_in, width, size, stride, is_normed)
    return nn.Sequential(first, *(_Separable(width, width, size, 1, is_normed, expand) for _ in range(n_blocks)))


def _level(n_in: int, width: int, size: int, stride: int, n_blocks: int, narrowing: int, is_normed: bool) -> nn.Sequential:
    blocks = (_Residual(width, width // narrowing, is_normed) for _ in range(n_blocks))
    return nn.Sequential(_Conv(n_in, width, size, stride, is_normed), nn.ReLU(), *blocks)


class VisionEncoder(nn.Module):
    """Pixels of one camera → features, and the coarse class map that they show."""

    def __init__(self, config: EncoderConfig, is_normed: bool = False):
        super().__init__()
        self.config = config
        fine, middle, coarse = config.widths
        if config.kind == "dense":
            self.fine = _level(3, fine, config.patch + 1, config.patch, config.blocks[0], config.narrowing, is_normed)
            self.middle = _level(fine, middle, 3, 2, config.blocks[1], config.narrowing, is_normed)
            self.coarse = _level(middle, coarse, 3, 2, config.blocks[2], config.narrowing, is_normed)
        else:
            dense = config.kind == "mixed"
            stem = (_Conv(3, fine, config.patch + 1, config.patch, is_normed), nn.ReLU())
            self.fine = nn.Sequential(*stem, *(_Separable(fine, fine, 5, 1, is_normed, config.narrowing) for _ in range(config.blocks[0])))
            self.middle = _sep_level(fine, middle, 5, 2, config.blocks[1], is_normed, config.narrowing, dense)
            self.coarse = _sep_level(middle, coarse, 3, 2, config.blocks[2], is_normed, config.narrowing, dense)
        self.back = _Conv(coarse, middle, 1, 1, is_normed)
        self.join = nn.Sequential(*(_Residual(middle, middle // config.narrowing, is_normed) for _ in range(config.blocks[3])))
        self.class_map = nn.Conv2d(middle, privileged_targets.N_CLASSES, 1)

    def forward(self, pixels: torch.Tensor) -> Seen:
        """pixels (N, 3, H, W) in [−1, 1]."""
        middle = self.middle(self.fine(pixels))
        around = self.back(self.coarse(middle))
        x = self.join(functional.relu(middle + functional.interpolate(around, middle.shape[2:])))
        return Seen(x, self.class_map(x))

    def folded(self) -> "VisionEncoder":
        """The same without norms."""
        plain = VisionEncoder(self.config).to(self.class_map.weight.device)
        state = {name: tensor for name, tensor in self.state_dict().items() if ".norm." not in name}
        for name, module in self.named_modules():
            if isinstance(module, _Conv):
                state[f"{name}.conv.weight"], state[f"{name}.conv.bias"] = module.folded()
        plain.load_state_dict(state)
        return plain.eval()


def multiply_accumulates(config: EncoderConfig) -> int:
    """Multiplications of a frame's forward pass."""
    encoder, total = VisionEncoder(config), 0

    def count(module: nn.Module, _: object, out: torch.Tensor) -> None:
        nonlocal total
        total += module.weight[0].numel() * math.prod(out.shape[1:])  # type: ignore[index, union-attr]

    for module in _weighted(encoder):
        module.register_forward_hook(count)
    encoder(torch.zeros(1, 3, *config.image_size))
    return total


def _weighted(encoder: nn.Module) -> Iterator[nn.Module]:
    return (module for module in encoder.modules() if isinstance(module, nn.Conv2d | nn.Linear))
