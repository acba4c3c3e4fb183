"""The vision encoder: convolutions that know the world's things by their shapes, learnt once and frozen under every policy.

Three strides, each with residual layers; what the coarsest cells know of their surroundings is added to the finer ones. A CPU
spends its time on large pictures of few channels, so the first stride is 4. Batch norms help to learn; `folded` has put them into
the convolutions, and who only sees pays nothing for them.
`imitation.encoder_pretraining` trains it.
"""

import math
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

    def folded(self) -> dict[str, torch.Tensor]:
        """The parameters of the convolution that does the same without its norm."""
        norm = self.norm
        assert norm is not None and norm.running_var is not None and norm.running_mean is not None
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return {"conv.weight": self.conv.weight * gain[:, None, None, None], "conv.bias": norm.bias - gain * norm.running_mean}


class _Residual(nn.Module):
    """Each channel looks around, then the channels are mixed; added to what came in."""

    def __init__(self, width: int, size: int, expansion: int, is_normed: bool):
        super().__init__()
        self.around = _Conv(width, width, size, 1, is_normed, groups=width)
        self.mix = _Conv(width, expansion * width, 1, 1, is_normed)
        self.narrow = _Conv(expansion * width, width, 1, 1, is_normed) if expansion > 1 else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mixed = self.mix(self.around(x))
        if self.narrow is not None:
            mixed = self.narrow(functional.relu_(mixed))
        return functional.relu_(x + mixed)


class VisionEncoder(nn.Module):
    """Pixels of one camera → features, and the coarse class map that they show."""

    def __init__(self, config: EncoderConfig, is_normed: bool = False):
        super().__init__()
        self.config = config
        _, middle, coarse = config.widths
        levels = []
        n_in, size, stride = 3, 5, 4
        for width, n_blocks, reach in zip(config.widths, config.blocks, (5, 5, 3), strict=True):
            blocks = (_Residual(width, reach, config.expansion, is_normed) for _ in range(n_blocks))
            levels.append(nn.Sequential(_Conv(n_in, width, size, stride, is_normed), nn.ReLU(inplace=True), *blocks))
            n_in, size, stride = width, 3, 2
        self.fine, self.middle, self.coarse = levels
        self.back = _Conv(coarse, middle, 1, 1, is_normed)
        self.class_map = nn.Conv2d(middle, privileged_targets.N_CLASSES, 1)

    def forward(self, pixels: torch.Tensor) -> Seen:
        """pixels (N, 3, H, W) in [−1, 1]."""
        middle = self.middle(self.fine(pixels))
        around = functional.interpolate(self.back(self.coarse(middle)), middle.shape[2:])
        features = functional.relu_(middle + around)
        return Seen(features, self.class_map(features))

    def folded(self) -> "VisionEncoder":
        """The same without norms."""
        plain = VisionEncoder(self.config).to(self.class_map.weight.device)
        state = {name: tensor for name, tensor in self.state_dict().items() if name.startswith("class_map.")}
        for name, module in self.named_modules():
            if isinstance(module, _Conv):
                state |= {f"{name}.{part}": tensor for part, tensor in module.folded().items()}
        plain.load_state_dict(state)
        return plain.eval()


def scaled(pixels: torch.Tensor) -> torch.Tensor:
    """Pictures (N, H, W, 3) uint8 as an encoder takes them, (N, 3, H, W) in [−1, 1], their channels innermost in memory."""
    return (pixels.float() / 127.5 - 1.0).permute(0, 3, 1, 2)


def multiply_accumulates(config: EncoderConfig) -> int:
    """Multiplications of a picture's way through the encoder."""
    encoder, total = VisionEncoder(config), 0

    def count(module: nn.Conv2d, _: object, out: torch.Tensor) -> None:
        nonlocal total
        total += module.weight[0].numel() * math.prod(out.shape[1:])

    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    encoder(torch.zeros(1, 3, *config.image_size))
    return total
