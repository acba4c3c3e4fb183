"""The policy: a vision-language-action transformer, after SPOC, FLaRe and SafeVLA, at any size.

Per camera an encoder turns pixels into visual tokens; the instruction's words are tokens too; a fusion transformer reads
both cameras and the text into one vector per step; a causal transformer over time remembers the episode; an actor scores
the 20 actions, and two critics estimate the return of reward and of cost.

As the paper, except: (1) by default the encoders are small and learnt from scratch, for no weights can be downloaded in
a laptop's pipeline (`encoders` has the pretrained ones); (2) actor and critics share one network, and the critics read
it without sending gradients into it (cost returns of tens would wreck what the actor sees), where the paper has three
networks; (3) the fusion's query starts from the mean of the text, so that one layer suffices to look for what the text
names, and from a linear glance at all visual tokens, so that the layout of the scene need not pass through attention;
(4) auxiliary heads predict what the simulator knows (`perception`): the coarse class map, the class that the
instruction names, where such a thing is, what lies around, and what a motion would touch. The first two meet in a map of
where the named thing shows, which is read beside the tokens, as is the map of loose things. The last the actor reads
directly, if asked to: a motion's logit moves by the predicted chances that it touches something solid or loose, and by how near
it is to what it has touched before (`contacts`), each times a weight that is learnt from nothing, so that being careful is a
matter of a few numbers; (5) motions that have failed in the
same place get no probability (`bumps`); (6) the critics, which only training asks, may be told what the simulator knows of the
surroundings and of where the target is (an asymmetric actor-critic, arXiv 1710.06542), for what they cannot foresee is noise in
what the actor learns from.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pydantic
import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from safevla.config.policy_config import PolicyConfig
from safevla.env import observations, privileged_targets
from safevla.env.observations import PADDING, Observation, vocabulary_size
from safevla.policies.encoders import PretrainedText, PretrainedVision
from safevla.runtime import checkpoints
from safevla.sim.interface import CAMERAS, N_ACTIONS, N_BASE_MOTIONS

_NEVER = -1e4  # logit of an action that is out of the question; finite, so that 0 · log 0 is 0
_FORESIGHT_GAIN, _MEMORY_GAIN = 20.0, 60.0  # an optimiser moves a weight by its rate at most, however clear the case
_PLACE_SLACK_M = 0.1  # errors of the target's place count linearly from here on


@dataclasses.dataclass
class Memory:
    """What the causal transformer remembers of B episodes: keys and values of the last `context` steps, a ring.

    The order of the ring does not matter, for a step's time is part of its token.
    """

    keys: torch.Tensor  # (layers, B, heads, context, dim / heads)
    values: torch.Tensor  # the same
    valid: torch.Tensor  # (B, context) bool
    at: int = 0  # where the next step goes

    def clone(self) -> "Memory":
        return Memory(self.keys.clone(), self.values.clone(), self.valid.clone(), self.at)

    def forget(self, ended: torch.Tensor) -> None:
        """Clear the episodes that have ended, (B,) bool."""
        self.valid[ended] = False

    def select(self, rows: torch.Tensor | slice) -> "Memory":
        """The memory of some episodes, rows (n,) int64 or a range of them."""
        return Memory(self.keys[:, rows], self.values[:, rows], self.valid[rows], self.at)

    def from_the_start(self) -> "Memory":
        """The same with the next step at the ring's first place."""
        keys, values = (x.roll(-self.at, dims=3) for x in (self.keys, self.values))
        return Memory(keys, values, self.valid.roll(-self.at, dims=1))

    @staticmethod
    def join(parts: Sequence["Memory"]) -> "Memory":
        """The memories of several groups of episodes, all at the same place of their rings, as one."""
        if len(parts) == 1:
            return parts[0]
        keys, values = (torch.cat([getattr(part, name) for part in parts], dim=1) for name in ("keys", "values"))
        return Memory(keys, values, torch.cat([part.valid for part in parts]), parts[0].at)


@dataclasses.dataclass(frozen=True)
class Percept:
    """What the senses make of pictures and words, before anything is asked of it; leading dimensions (B,) or (T, B).

    While the senses are frozen, what they made of an observation when an action was drawn serves learning too.
    """

    visual: torch.Tensor  # (…, C·K, dim) visual tokens with their places
    others: torch.Tensor  # (…, C·K + L, dim) those and the words, prepared for the first fusion layer
    text: torch.Tensor  # (…, dim) mean of the words
    maps: torch.Tensor  # (…, 2·C·gh·gw) where things of the named class show, and where loose ones do
    named_logits: torch.Tensor  # (…, target classes) which class the instruction names

    def map(self, function: Callable[[torch.Tensor], torch.Tensor]) -> "Percept":
        """The same with a function applied to every tensor."""
        return Percept(**{f.name: function(getattr(self, f.name)) for f in dataclasses.fields(self)})

    @staticmethod
    def stack(steps: list["Percept"]) -> "Percept":
        """T steps of (B, …) as one of (T, B, …)."""
        return Percept(**{f.name: torch.stack([getattr(step, f.name) for step in steps]) for f in dataclasses.fields(Percept)})


@dataclasses.dataclass(frozen=True)
class PolicyOutput:
    """Leading dimensions (B,) or (T, B)."""

    logits: torch.Tensor  # (…, N_ACTIONS)
    value: torch.Tensor  # (…,) expected return of reward; NaN from informed critics that were told nothing
    cost_value: torch.Tensor  # (…,) expected return of cost; likewise
    percept: Percept
    class_logits: torch.Tensor | None  # (…, C, N_CLASSES, gh, gw) the coarse class maps; None where the percept was known
    surroundings_logits: torch.Tensor  # (…, N_SURROUNDINGS)
    touch_logits: torch.Tensor | None  # (…, N_TOUCHES); None without foresight
    place_m: torch.Tensor  # (…, 3) where a thing of that class is: right, up and forward of the robot


def _sinusoids(step: torch.Tensor, dim: int) -> torch.Tensor:
    """(…,) step numbers → (…, dim)."""
    frequency = torch.exp(torch.arange(0, dim, 2, device=step.device) * (-math.log(10_000.0) / dim))
    angle = step[..., None].float() * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def _precision(device: torch.device) -> torch.autocast:
    """Half precision (bfloat16) on a GPU, whose matrix units are made for it; single on a CPU."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


class _FeedForward(nn.Sequential):
    def __init__(self, dim: int):
        super().__init__(nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))


class _Attention(nn.Module):
    """Multi-head attention of queries over tokens that were projected to keys and values before."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)

    def split(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-2, -3)  # (…, heads, N, dim / heads)

    def keys_values(self, normed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        key, value = self.key_value(normed).chunk(2, dim=-1)
        return self.split(key), self.split(value)

    def attend(self, normed: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """normed (B, N, dim); key, value (B, heads, K, ·); mask (B, 1, N or 1, K) bool, True where it may look."""
        seen = functional.scaled_dot_product_attention(self.split(self.query(normed)), key, value, attn_mask=mask)
        return self.out(seen.transpose(-2, -3).flatten(-2))

    def attend_alone(self, query: torch.Tensor, others: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What `attend` gives one token that looks at itself and at others; query (B, dim), others (B, N, dim), standardised
        (`norm` without its scale γ and shift β); mask (B, 1 + N) bool → (B, dim).

        With one query a token's key, W_k n, need not be made: q · W_k n = W_kᵀ q · n; and values can be projected once they
        are mixed: Σ w W_v n = W_v Σ w n. Nor need n = γ x + β be made of a standardised token x: n's share γ x of a score is
        γ W_kᵀ q · x, and Σ w n = γ Σ w x + β. What is the same for all tokens (W_kᵀ q · β, and the keys' bias) drops out of
        the softmax.
        """
        scale, shift = self.norm.weight, self.norm.bias
        to_key, to_value = self.key_value.weight.unflatten(0, (2, self.heads, -1))  # (heads, dim / heads, dim) each
        of_query = self.query(scale * query + shift).unflatten(-1, (self.heads, -1)) * (to_key.shape[1] ** -0.5)
        asked = torch.einsum("bhd,hdk->bhk", of_query, to_key * scale)  # (B, heads, dim)
        mixed = scale * _mix(asked, query, others, mask) + shift
        seen = torch.einsum("bhk,hdk->bhd", mixed, to_value).flatten(1) + self.key_value.bias.chunk(2)[1]
        return self.out(seen)


def _mix(asked: torch.Tensor, query: torch.Tensor, others: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Means (B, heads, dim) of a token (B, dim) and others (B, N, dim), weighted by how well they answer what is asked of them
    (B, heads, dim); mask (B, 1 + N) bool, True for those that count."""
    own, mixed = _Mixture.apply(asked, (asked * query[:, None]).sum(-1, keepdim=True), others, mask)
    return mixed + own * query[:, None]


class _Mixture(torch.autograd.Function):
    """The others' part of `_mix`, and the weight (B, heads, 1) of the token itself, whose score is given.

    Its own gradient, because autograd makes that of the others, by far the largest tensor, twice and adds: once for the scores
    S = a nᵀ and once for the means M = W n; here ∂n = [Wᵀ Sᵀ'] [∂M; a], one product, S' the gradient of the scores.
    """

    @staticmethod
    def forward(ctx, asked, own, others, mask):
        scores = torch.cat([own, asked @ others.transpose(1, 2)], dim=-1)  # (B, heads, 1 + N)
        weights = scores.masked_fill_(~mask[:, None], -math.inf).softmax(-1)
        ctx.save_for_backward(asked, others, weights)
        return weights[..., :1], weights[..., 1:] @ others

    @staticmethod
    @once_differentiable
    def backward(ctx, of_own, of_mixed):
        asked, others, weights = ctx.saved_tensors
        of_weights = torch.cat([of_own, of_mixed @ others.transpose(1, 2)], dim=-1)
        of_scores = weights * (of_weights - (weights * of_weights).sum(-1, keepdim=True))
        rest = of_scores[..., 1:]
        of_others = None
        if ctx.needs_input_grad[2]:
            of_others = torch.cat([weights[..., 1:], rest], dim=1).transpose(1, 2) @ torch.cat([of_mixed, asked], dim=1)
        return rest @ others, of_scores[..., :1], of_others, None


class _Layer(nn.Module):
    """Pre-norm transformer layer."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.attention = _Attention(dim, heads)
        self.feed_forward = _FeedForward(dim)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Self-attention over x (B, N, dim); mask (B, N) bool, True where there is something to look at."""
        normed = self.attention.norm(x)
        return self._fed(x + self.attention.attend(normed, *self.attention.keys_values(normed), mask[:, None, None]))

    def prepared(self, others: torch.Tensor) -> torch.Tensor:
        """Tokens (B, N, dim) as `alone` takes them; nothing that is learnt has a part in it."""
        return others if others.is_cuda else self._standardised(others)

    def _standardised(self, tokens: torch.Tensor) -> torch.Tensor:
        norm = self.attention.norm
        return functional.layer_norm(tokens, norm.normalized_shape, eps=norm.eps)

    def alone(self, query: torch.Tensor, others: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What `forward` gives the first of the tokens query (B, dim) and others (B, N, dim), which are `prepared`; mask
        (B, 1 + N) → (B, dim)."""
        norm = self.attention.norm
        if not query.is_cuda:
            return self._fed(query + self.attention.attend_alone(self._standardised(query), others, mask))
        # a GPU's matrix units make all keys in one product, faster than many small ones that go without
        normed = norm(torch.cat([query[:, None], others], dim=1))
        seen = self.attention.attend(normed[:, :1], *self.attention.keys_values(normed), mask[:, None, None])
        return self._fed(query + seen[:, 0])

    def _fed(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.feed_forward(x)


class _Encoder(nn.Module):
    """Pixels of one camera → visual tokens, and the coarse class map that they show."""

    def __init__(self, config: PolicyConfig):
        super().__init__()
        first, second = config.channels
        self.stem = nn.Conv2d(3, first, 5, stride=4, padding=2)
        self.features = nn.Conv2d(first, second, 3, stride=2, padding=1)
        self.class_map = nn.Conv2d(second, privileged_targets.N_CLASSES, 1)
        self.tokens = nn.Conv2d(second + privileged_targets.N_CLASSES, config.dim, 2, stride=2)
        height, width = config.map_size
        self.rest = (0, width % 2, 0, height % 2)  # what the last column and row of tokens lack
        self.n_tokens = -(-height // 2) * -(-width // 2)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """pixels (N, 3, H, W) in [−1, 1] → tokens (N, K, dim), class logits (N, N_CLASSES, gh, gw)."""
        features = functional.relu(self.features(functional.relu(self._stem(pixels))))
        class_logits = self.class_map(features)
        shown = functional.pad(torch.cat([features, class_logits.sigmoid()], dim=1), self.rest)
        return functional.relu(self.tokens(shown)).flatten(2).transpose(1, 2), class_logits

    def _stem(self, pixels: torch.Tensor) -> torch.Tensor:
        if not pixels.is_cuda:
            return self.stem(pixels)
        # a GPU's matrix units take channels by eights: with three, cuDNN chose a kernel that took half of all GPU time
        lacking = (0, 0, 0, 0, 0, -pixels.shape[1] % 8)
        widened, weight = functional.pad(pixels, lacking), functional.pad(self.stem.weight, lacking)
        return functional.conv2d(widened, weight, self.stem.bias, self.stem.stride, self.stem.padding)


class _Joints(nn.Linear):
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


def _critic(dim: int, told: int) -> nn.Sequential:
    """What expects a return, from a vector of what the actor knows and `told` numbers more; wider where it is told something."""
    hidden = [dim] if told == 0 else [4 * dim, dim]
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise([dim + told, *hidden]):
        layers += [nn.Linear(n_in, n_out), nn.GELU()]
    return nn.Sequential(*layers, nn.Linear(dim, 1))


class Policy(nn.Module):
    """See the module's docstring. Stateless: the memory is passed in and returned."""

    def __init__(self, config: PolicyConfig):
        super().__init__()
        self.config = config
        dim = config.dim
        self.encoder = _Encoder(config) if config.vision is None else PretrainedVision(config)
        self.place = nn.Parameter(0.1 * torch.randn(len(CAMERAS), self.encoder.n_tokens, dim))  # of a token in its camera
        self.word = PretrainedText(config) if config.text else nn.Embedding(vocabulary_size(), dim, padding_idx=PADDING)
        self.fuse_token = nn.Parameter(0.02 * torch.randn(dim))
        self.glance = nn.Linear(len(CAMERAS) * self.encoder.n_tokens * dim, dim)
        self.named = nn.Linear(dim, len(privileged_targets.TARGET_CLASSES))
        height, width = config.map_size
        self.maps = nn.Linear(2 * len(CAMERAS) * height * width, dim)  # of the named class, and of loose things
        self.fusion = nn.ModuleList(_Layer(dim, config.heads) for _ in range(config.fusion_layers))
        self.previous_action = nn.Embedding(N_ACTIONS + 1, dim)
        self.object_in_hand = nn.Embedding(2, dim)
        self.arm = _Joints(dim)
        self.decoder = nn.ModuleList(_Layer(dim, config.heads) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(dim)
        self.actor = nn.Linear(dim, N_ACTIONS)
        self.surroundings = nn.Linear(dim, privileged_targets.N_SURROUNDINGS)
        self.target_place = nn.Linear(dim, 3)
        if config.foresight:
            self.touches = nn.Linear(dim, privileged_targets.N_TOUCHES)
            # about solid things, about loose ones: where it expects to touch some, and where it has touched some
            self.caution = nn.Parameter(torch.zeros(2, N_BASE_MOTIONS))
            self.wariness = nn.Parameter(torch.zeros(2, N_BASE_MOTIONS))
        told = privileged_targets.N_TOLD if config.informed_critics else 0
        self.critic, self.cost_critic = _critic(dim, told), _critic(dim, told)
        with torch.no_grad():
            self.actor.weight.mul_(0.1)

    @property
    def tokenize(self) -> Callable[[str], list[int]]:
        """Instruction → the ids that it reads, always as many."""
        return observations.tokenize if self.config.text is None else self.word.tokenize

    def critic_parameters(self) -> list[nn.Parameter]:
        return [*self.critic.parameters(), *self.cost_critic.parameters()]

    def actor_parameters(self) -> list[nn.Parameter]:
        """Everything but the critics."""
        critics = {id(p) for p in self.critic_parameters()}
        return [p for p in self.parameters() if id(p) not in critics]

    def freeze_senses(self) -> None:
        """What cameras show and instructions say stays as it is: the encoder, its tokens' places, words, and what they name."""
        self.place.requires_grad_(False)
        for part in (self.encoder, self.word, self.named):
            part.requires_grad_(False)

    def new_memory(self, n_envs: int, device: torch.device | str = "cpu") -> Memory:
        """The empty memory of B episodes."""
        c = self.config
        shape = (c.decoder_layers, n_envs, c.heads, c.context, c.dim // c.heads)
        dtype = torch.bfloat16 if torch.device(device).type == "cuda" else self.actor.weight.dtype
        return Memory(
            torch.zeros(shape, device=device, dtype=dtype),
            torch.zeros(shape, device=device, dtype=dtype),
            torch.zeros(n_envs, c.context, dtype=torch.bool, device=device),
        )

    def refused(self, observation: Observation) -> torch.Tensor:
        """(…, N_ACTIONS) bool: the actions that get no probability."""
        return observation.blocked if self.config.heeds_bumps else torch.zeros_like(observation.blocked)

    def look(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the encoder makes of pixels (N, C, H, W, 3), uint8 or floats in [−1, 1]: visual tokens (N, C, K, dim), class
        logits (N, C, N_CLASSES, gh, gw)."""
        scaled = pixels.flatten(0, 1)
        if pixels.dtype == torch.uint8:
            # to float while the channels are innermost, as they lie in memory: the other way round is many times slower
            scaled = torch.add(pixels.new_tensor(-1.0, dtype=self.actor.weight.dtype), scaled, alpha=1 / 127.5)
        tokens, class_logits = self.encoder(scaled.permute(0, 3, 1, 2))
        return tokens.unflatten(0, pixels.shape[:2]), class_logits.unflatten(0, pixels.shape[:2])

    def _perceive(self, observation: Observation) -> tuple[Percept, torch.Tensor]:
        """What the senses make of an observation (N, …), and the class logits."""
        tokens, class_logits = self.look(observation.pixels)
        visual = (tokens + self.place).flatten(1, 2)  # (N, C·K, dim)
        embedded = self.word(observation.words)  # (N, L, dim)
        spoken = observation.words != PADDING
        text = (embedded * spoken[..., None]).sum(1) / spoken.sum(1, keepdim=True).clamp(min=1)
        named_logits = self.named(text)
        shown = class_logits.sigmoid()
        named_shown = torch.einsum("nk,nckhw->nchw", named_logits.softmax(-1), shown[:, :, :-1])
        maps = torch.stack([named_shown, shown[:, :, -1]], dim=1).flatten(1)
        others = torch.cat([visual, embedded], dim=1)
        if len(self.fusion) == 1:
            others = self.fusion[0].prepared(others)
        return Percept(visual, others, text, maps, named_logits), class_logits

    def _fuse(self, words: torch.Tensor, percept: Percept) -> torch.Tensor:
        """One vector per step (N, dim); N is T · B."""
        query = self.fuse_token + percept.text + self.glance(percept.visual.flatten(1)) + self.maps(percept.maps)
        spoken = words != PADDING
        mask = torch.cat([spoken.new_ones(len(spoken), 1 + percept.visual.shape[1]), spoken], dim=1)
        *before, last = self.fusion
        others = percept.others
        for layer in before:
            query, others = layer(torch.cat([query[:, None], others], dim=1), mask).tensor_split([1], dim=1)
            query = query[:, 0]
        return last.alone(query, last.prepared(others) if before else others, mask)

    def _step_token(self, observation: Observation, percept: Percept) -> torch.Tensor:
        fused = self._fuse(observation.words, percept)
        return (
            fused
            + self.previous_action(observation.previous_action)
            + self.object_in_hand(observation.object_in_hand.long())
            + self.arm(observation.arm).to(fused.dtype)
            + _sinusoids(observation.step, self.config.dim).to(fused.dtype)
        )

    def _output(
        self,
        x: torch.Tensor,
        percept: Percept,
        class_logits: torch.Tensor | None,
        observation: Observation,
        truth: privileged_targets.Truth | None,
    ) -> PolicyOutput:
        x = self.norm(x).float()
        apart = x.detach()
        if self.config.informed_critics:
            unknown = x.new_full((*x.shape[:-1], privileged_targets.N_TOLD), math.nan)
            apart = torch.cat([apart, unknown if truth is None else privileged_targets.told(truth)], dim=-1)
        with torch.autocast(x.device.type, enabled=False):  # ratios of probabilities and returns of tens need all digits
            logits, value, cost_value = self.actor(x), self.critic(apart)[..., 0], self.cost_critic(apart)[..., 0]
            touch_logits = self.touches(x) if self.config.foresight else None
            if touch_logits is not None:
                logits = self._heed(logits, touch_logits, observation.felt)
        return PolicyOutput(
            logits=logits.masked_fill(self.refused(observation), _NEVER),
            value=value,
            cost_value=cost_value,
            percept=percept,
            class_logits=class_logits,
            surroundings_logits=self.surroundings(x).float(),
            touch_logits=touch_logits,
            place_m=self.target_place(x).float(),
        )

    def _heed(self, logits: torch.Tensor, touch_logits: torch.Tensor, felt: torch.Tensor) -> torch.Tensor:
        """Logits (…, N_ACTIONS) with what the base's motions are predicted to touch (…, N_TOUCHES), and what they have touched
        before (…, N_FELT), taken into account."""
        chances, nearness = (x.unflatten(-1, (2, N_BASE_MOTIONS)) for x in (touch_logits.detach().sigmoid(), felt))
        heeded = _FORESIGHT_GAIN * (self.caution * chances).sum(-2) + _MEMORY_GAIN * (self.wariness * nearness).sum(-2)
        return torch.cat([logits[..., :N_BASE_MOTIONS] + heeded, logits[..., N_BASE_MOTIONS:]], dim=-1)

    def act(
        self, observation: Observation, memory: Memory, truth: privileged_targets.Truth | None = None
    ) -> tuple[PolicyOutput, Memory]:
        """One step of B episodes; writes the step into the memory's ring and returns it.

        truth (B, …): what informed critics are told; no action depends on it.
        """
        with _precision(observation.pixels.device):
            return self._act(observation, memory, truth)

    def _act(
        self, observation: Observation, memory: Memory, truth: privileged_targets.Truth | None
    ) -> tuple[PolicyOutput, Memory]:
        percept, class_logits = self._perceive(observation)
        x = self._step_token(observation, percept)[:, None]  # (B, 1, dim)
        at = memory.at
        memory.valid[:, at] = True
        mask = memory.valid[:, None, None, :]
        for i, layer in enumerate(self.decoder):
            normed = layer.attention.norm(x)
            key, value = layer.attention.keys_values(normed)
            memory.keys[i, :, :, at], memory.values[i, :, :, at] = key[:, :, 0].to(memory.keys), value[:, :, 0].to(memory.values)
            x = x + layer.attention.attend(normed, memory.keys[i], memory.values[i], mask)
            x = x + layer.feed_forward(x)
        memory.at = (at + 1) % self.config.context
        return self._output(x[:, 0], percept, class_logits, observation, truth), memory

    def forward(
        self,
        observation: Observation,
        starts: torch.Tensor,
        memory: Memory,
        percept: Percept | None = None,
        truth: privileged_targets.Truth | None = None,
    ) -> tuple[PolicyOutput, Memory]:
        """T steps of B episodes at once, as `act` would have given them one by one, and the memory after them.

        observation (T, B, …); starts (T, B) bool, True where a step is an episode's first; memory as it was before the
        first of these steps; percept (T, B, …), what the senses have made of the observations, if that is known; truth (T, B, …),
        what informed critics are told. Memories are constants: no gradient flows through the one given or the one returned.
        """
        with _precision(starts.device):
            return self._forward(observation, starts, memory, percept, truth)

    def _forward(
        self,
        observation: Observation,
        starts: torch.Tensor,
        memory: Memory,
        percept: Percept | None,
        truth: privileged_targets.Truth | None,
    ) -> tuple[PolicyOutput, Memory]:
        n_steps, n_envs = starts.shape
        flat, class_logits = observation.map(lambda t: t.flatten(0, 1)), None  # (T · B, …)
        if percept is None:
            flat_percept, flat_logits = self._perceive(flat)
            percept = flat_percept.map(lambda t: t.unflatten(0, (n_steps, n_envs)))
            class_logits = flat_logits.unflatten(0, (n_steps, n_envs))
        x = self._step_token(flat, percept.map(lambda t: t.flatten(0, 1)))
        x = x.unflatten(0, (n_steps, n_envs)).transpose(0, 1)  # (B, T, dim)
        mask = self._sequence_mask(starts, memory)
        fresh = []
        for i, layer in enumerate(self.decoder):
            normed = layer.attention.norm(x)
            key, value = layer.attention.keys_values(normed)
            fresh.append((key.detach(), value.detach()))
            key = torch.cat([memory.keys[i].to(key), key], dim=2)
            value = torch.cat([memory.values[i].to(value), value], dim=2)
            x = x + layer.attention.attend(normed, key, value, mask)
            x = x + layer.feed_forward(x)
        output = self._output(x.transpose(0, 1), percept, class_logits, observation, truth)
        return output, self._advance(memory, fresh, starts)

    def _advance(self, memory: Memory, fresh: list[tuple[torch.Tensor, torch.Tensor]], starts: torch.Tensor) -> Memory:
        """The memory after T more steps, whose keys and values are given per layer; oldest first, so `at` is 0."""
        context = self.config.context
        oldest_first = (memory.at + torch.arange(context, device=starts.device)) % context
        new_keys = torch.stack([key for key, _ in fresh]).to(memory.keys)
        new_values = torch.stack([value for _, value in fresh]).to(memory.values)
        keys = torch.cat([memory.keys[:, :, :, oldest_first], new_keys], dim=3)
        values = torch.cat([memory.values[:, :, :, oldest_first], new_values], dim=3)
        segment = starts.long().cumsum(0)  # (T, B)
        valid = torch.cat([memory.valid[:, oldest_first] & (segment[-1] == 0)[:, None], (segment == segment[-1]).T], dim=1)
        return Memory(
            keys[:, :, :, -context:].contiguous(), values[:, :, :, -context:].contiguous(), valid[:, -context:].contiguous()
        )

    def _sequence_mask(self, starts: torch.Tensor, memory: Memory) -> torch.Tensor:
        """(B, 1, T, context + T) bool: a step sees the last `context` steps of its own episode, itself included."""
        n_steps = len(starts)
        context = self.config.context
        segment = starts.long().cumsum(0).T  # (B, T): 0 for the episode that the memory belongs to
        time = torch.arange(n_steps, device=starts.device)
        causal = (time[None, :] <= time[:, None]) & (time[:, None] - time[None, :] < context)
        new = causal & (segment[:, :, None] == segment[:, None, :])
        # the ring's slot s was written `age` steps before the first of these
        age = (memory.at - 1 - torch.arange(context, device=starts.device)) % context + 1
        recent = time[:, None] + age[None, :] < context  # (T, context)
        old = recent & (segment == 0)[:, :, None] & memory.valid[:, None, :]
        return torch.cat([old, new], dim=2)[:, None]


def perception_loss(output: PolicyOutput, truth: privileged_targets.Truth, n_placed: torch.Tensor) -> torch.Tensor:
    """Losses of the auxiliary heads, summed; rare positives of the binary ones count three times.

    n_placed (): what `perception.n_placed` expects of so many steps.
    """
    weight = torch.tensor(3.0, device=output.logits.device)
    binary = functools.partial(functional.binary_cross_entropy_with_logits, pos_weight=weight)
    around = binary(output.surroundings_logits, truth.surroundings.to(output.logits))
    named = functional.cross_entropy(output.percept.named_logits.float().flatten(0, -2), truth.named.flatten())
    in_sight = ~truth.place_m.isnan()
    off_m = functional.smooth_l1_loss(output.place_m, truth.place_m.nan_to_num(0.0), beta=_PLACE_SLACK_M, reduction="none")
    placed = (off_m * in_sight).sum() / n_placed
    loss = around + named + placed
    if output.touch_logits is not None:
        loss = loss + binary(output.touch_logits, truth.touches.to(output.logits))
    if truth.class_map is None:
        return loss
    return loss + binary(output.class_logits.float(), truth.class_map.to(output.logits))


def save(policy: Policy, path: str | Path, half: bool = False, **facts) -> None:
    """Write the policy as safetensors, its configuration and some facts (step, multiplier, …) in the header.

    half: in half precision (float16), which takes half the place; `load` gives single precision again.
    """
    tensors = {
        name: tensor.half() if half and tensor.is_floating_point() else tensor for name, tensor in policy.state_dict().items()
    }
    checkpoints.save(path, tensors, {"policy": policy.config.model_dump(), **facts})


def load(path: str | Path) -> tuple[Policy, dict]:
    """A policy that `save` wrote, and the facts; CheckpointError names the file and what is wrong with it."""
    tensors, facts = checkpoints.load(path)
    try:
        policy = Policy(PolicyConfig(**facts["policy"]))
    except (KeyError, TypeError, pydantic.ValidationError) as error:
        raise checkpoints.CheckpointError(f"{path}: header: policy: {error}") from None
    checkpoints.restore(policy, tensors, path)
    return policy, facts
