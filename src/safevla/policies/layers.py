"""Layers: the small parts of the policy: convolutional encoder, joints, step numbers, critics."""

import itertools
import math

import torch
from torch import nn
from torch.nn import functional

from safevla.config.policy_config import PolicyConfig
from safevla.env import privileged_targets


def sinusoids(step: torch.Tensor, dim: int) -> torch.Tensor:
    """(…,) step numbers → (…, dim)."""
    frequency = torch.exp(torch.arange(0, dim, 2, device=step.device) * (-math.log(10_000.0) / dim))
    angle = step[..., None].float() * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class Tokens(nn.Conv2d):
    """Features and shown classes of a grid's cells → a visual token for each two by two of them."""

    def __init__(self, width: int, config: PolicyConfig):
        super().__init__(width + privileged_targets.N_CLASSES, config.dim, 2, stride=2)
        n_rows, n_columns = config.map_size
        self.rest = (0, n_columns % 2, 0, n_rows % 2)  # what the last column and row of tokens lack
        self.n_tokens = -(-n_rows // 2) * -(-n_columns // 2)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """input (N, width + N_CLASSES, gh, gw) → (N, K, dim)."""
        return functional.relu(super().forward(functional.pad(input, self.rest))).flatten(2).transpose(1, 2)


class Encoder(nn.Module):
    """Pixels of one camera → visual tokens, and the coarse class map that they show."""

    def __init__(self, config: PolicyConfig):
        super().__init__()
        first, second = config.channels
        self.stem = nn.Conv2d(3, first, 5, stride=4, padding=2)
        self.features = nn.Conv2d(first, second, 3, stride=2, padding=1)
        self.class_map = nn.Conv2d(second, privileged_targets.N_CLASSES, 1)
        self.tokens = Tokens(second, config)
        self.n_tokens = self.tokens.n_tokens

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """pixels (N, 3, H, W) in [−1, 1] → tokens (N, K, dim), class logits (N, N_CLASSES, gh, gw)."""
        features = functional.relu(self.features(functional.relu(self._stem(pixels))))
        class_logits = self.class_map(features)
        return self.tokens(torch.cat([features, class_logits.sigmoid()], dim=1)), class_logits

    def _stem(self, pixels: torch.Tensor) -> torch.Tensor:
        if not pixels.is_cuda:
            return self.stem(pixels)
        # a GPU's matrix units take channels by eights: with three, cuDNN chose a kernel that took half of all GPU time
        lacking = (0, 0, 0, 0, 0, -pixels.shape[1] % 8)
        widened, weight = functional.pad(pixels, lacking), functional.pad(self.stem.weight, lacking)
        return functional.conv2d(widened, weight, self.stem.bias, self.stem.stride, self.stem.padding)


class Joints(nn.Linear):
    """The arm's joints as a vector: each is spread over bumps along its range, for what to do next hangs on thresholds."""

    _BUMPS, _TURN_BUMPS = 12, 24

    def __init__(self, dim: int):
        super().__init__(2 * self._BUMPS + self._TURN_BUMPS + 2, dim)
        self.register_buffer("along", torch.linspace(0.0, 1.0, self._BUMPS), persistent=False)
        self.register_buffer("around", torch.arange(self._TURN_BUMPS) * (2.0 * math.pi / self._TURN_BUMPS), persistent=False)

    def forward(self, arm: torch.Tensor) -> torch.Tensor:
        """arm (…, ARM_STATES): lift and extension in [0, 1], sine and cosine of the wrist, success, resistance."""
        joints = torch.exp(-0.5 * ((arm[..., :2, None] - self.along) * (self._BUMPS - 1)) ** 2).flatten(-2)
        cosine = arm[..., 2:3] * self.around.sin() + arm[..., 3:4] * self.around.cos()
        wrist = torch.exp((cosine - 1.0) / (2.0 * math.pi / self._TURN_BUMPS) ** 2)
        return super().forward(torch.cat([joints, wrist, arm[..., 4:]], dim=-1))


def critic(dim: int, privileged: int, n_heads: int = 1) -> nn.Sequential:
    """What expects a return, or n_heads of them, from what the actor knows (dim numbers) and `privileged` numbers more.

    It is wider where it knows more than the actor.
    """
    hidden = [dim] if privileged == 0 else [4 * dim, dim]
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise([dim + privileged, *hidden]):
        layers += [nn.Linear(n_in, n_out), nn.GELU()]
    return nn.Sequential(*layers, nn.Linear(dim, n_heads))
