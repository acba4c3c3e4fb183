"""The policy: a vision-language-action transformer, after SPOC, FLaRe and SafeVLA, at any size.

An encoder turns each camera's pixels into visual tokens. The words of the instruction are tokens too. A fusion transformer reads
both cameras and the text into one vector a step. A causal transformer over time remembers the episode (`kv_cache`). An actor
scores the 20 actions. Two critics estimate the return of reward and of cost.

As the paper, except:

1. The frozen vision encoder is a small one of this project's own, trained once on its world (`vision_encoder`), for a laptop's
   pipeline can download no weights. Words, and pictures where `vision` is None, are learnt from scratch. `encoders` has the
   pretrained ones of others.
2. Actor and critics share one network, where the paper has three. The critics send no gradients into it: cost returns of tens
   would wreck what the actor sees.
3. The fusion's query starts from the mean of the text, so one layer suffices to look for what the text names. It also starts from
   a linear projection of all visual tokens, so the layout of the scene need not pass through attention.
4. Auxiliary heads predict what the simulator knows (`env.privileged_targets`): the coarse class map, the class that the
   instruction names, where an object of that class is, polar occupancy, contacts. The first two meet in a map of where the named
   class shows, which is read beside the tokens.
5. With `contact_prediction` the actor reads the predicted contacts and the nearness of past ones (`env.contact_memory`) directly:
   each moves a motion's logit by a weight of its own. Being careful then is a matter of a few numbers.
6. Motions that have failed in the same place get no probability (`env.failed_actions`).
7. With `asymmetric_critic` the critics, which only training asks, know privileged features (arXiv 1710.06542). What they cannot
   foresee is noise in what the actor learns from.
"""

import functools
import math
from collections.abc import Callable

import torch
from torch import nn

from safevla.config.policy_config import PolicyConfig
from safevla.env.observations import Observation
from safevla.env.privileged_targets import (
    N_CONTACT_TARGETS,
    N_POLAR_OCCUPANCY,
    N_PRIVILEGED_FEATURES,
    TARGET_CLASSES,
    PrivilegedTargets,
    privileged_features,
)
from safevla.policies.attention import Layer
from safevla.policies.encoders import PretrainedText, vision_of
from safevla.policies.kv_cache import KVCache
from safevla.policies.layers import Joints, critic, sinusoids
from safevla.policies.outputs import FrozenFeatures, PolicyOutput
from safevla.policies.vision_encoder import Seen
from safevla.sim.actions import N_ACTIONS, N_BASE_MOTIONS
from safevla.sim.interface import CAMERAS
from safevla.tasks import tokenizer
from safevla.tasks.tokenizer import PADDING, vocabulary_size

_NEVER = -1e4  # logit of an action that is out of the question; finite, so that 0 · log 0 is 0
# of the contact weights: an optimiser moves a weight by its rate at most, however clear the case
_PREDICTED_CONTACT_GAIN, _PAST_CONTACT_GAIN = 20.0, 60.0


def _precision(device: torch.device) -> torch.autocast:
    """Half precision (bfloat16) on a GPU, whose matrix units are made for it; single on a CPU."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


class Policy(nn.Module):
    """See the module's docstring. Stateless: the KV cache is passed in and returned."""

    def __init__(self, config: PolicyConfig):
        super().__init__()
        self.config = config
        dim = config.dim
        self.encoder = vision_of(config)
        self.token_position = nn.Parameter(
            0.1 * torch.randn(len(CAMERAS), self.encoder.n_tokens, dim)
        )  # of a token in its camera
        self.token_embedding = (
            PretrainedText(config) if config.text else nn.Embedding(vocabulary_size(config.words), dim, padding_idx=PADDING)
        )
        self.fuse_token = nn.Parameter(0.02 * torch.randn(dim))
        self.visual_projection = nn.Linear(len(CAMERAS) * self.encoder.n_tokens * dim, dim)
        self.target_class_head = nn.Linear(dim, len(TARGET_CLASSES))
        height, width = config.map_size
        self.maps = nn.Linear(2 * len(CAMERAS) * height * width, dim)  # of the named class, and of movable objects
        self.fusion = nn.ModuleList(Layer(dim, config.heads) for _ in range(config.fusion_layers))
        self.previous_action = nn.Embedding(N_ACTIONS + 1, dim)
        self.object_in_hand = nn.Embedding(2, dim)
        self.arm = Joints(dim)
        self.decoder = nn.ModuleList(Layer(dim, config.heads) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(dim)
        self.actor = nn.Linear(dim, N_ACTIONS)
        self.polar_occupancy = nn.Linear(dim, N_POLAR_OCCUPANCY)
        self.target_position_head = nn.Linear(dim, 3)
        if config.contact_prediction:
            self.contact_head = nn.Linear(dim, N_CONTACT_TARGETS)
            # about static objects, about movable ones: where it expects to touch some, and where it has touched some
            self.predicted_contact_weight = nn.Parameter(torch.zeros(2, N_BASE_MOTIONS))
            self.past_contact_weight = nn.Parameter(torch.zeros(2, N_BASE_MOTIONS))
        privileged = N_PRIVILEGED_FEATURES if config.asymmetric_critic else 0
        self.critic, self.cost_critic = critic(dim, privileged), critic(dim, privileged, config.cost_heads)
        with torch.no_grad():
            self.actor.weight.mul_(0.1)

    @property
    def tokenize(self) -> Callable[[str], list[int]]:
        """Instruction → the ids that it reads, always as many."""
        if self.config.text is not None:
            return self.token_embedding.tokenize
        return functools.partial(tokenizer.tokenize, more=self.config.words)

    @property
    def class_map_size(self) -> tuple[int, int] | None:
        """The grid of the class maps that it learns from, (height, width); None with an encoder that knows them."""
        return None if self.config.has_own_vision else self.config.map_size

    def critic_parameters(self) -> list[nn.Parameter]:
        return [*self.critic.parameters(), *self.cost_critic.parameters()]

    def actor_parameters(self) -> list[nn.Parameter]:
        """Everything but the critics."""
        critics = {id(p) for p in self.critic_parameters()}
        return [p for p in self.parameters() if id(p) not in critics]

    def freeze_encoders(self) -> None:
        """Pixels and words are encoded as they are now: the encoder, its tokens' places, words and the class that they name."""
        self.token_position.requires_grad_(False)
        for part in (self.encoder, self.token_embedding, self.target_class_head):
            part.requires_grad_(False)

    def new_kv_cache(self, n_envs: int, device: torch.device | str = "cpu") -> KVCache:
        """The empty cache of B episodes."""
        c = self.config
        shape = (c.decoder_layers, n_envs, c.heads, c.context, c.dim // c.heads)
        dtype = torch.bfloat16 if torch.device(device).type == "cuda" else self.actor.weight.dtype
        return KVCache(
            torch.zeros(shape, device=device, dtype=dtype),
            torch.zeros(shape, device=device, dtype=dtype),
            torch.zeros(n_envs, c.context, dtype=torch.bool, device=device),
        )

    def action_mask(self, observation: Observation) -> torch.Tensor:
        """(…, N_ACTIONS) bool: the actions that get no probability."""
        return observation.failed_actions if self.config.mask_failed_actions else torch.zeros_like(observation.failed_actions)

    def see(self, pixels: torch.Tensor) -> Seen | None:
        """What this project's own frozen encoder makes of pixels (T, B, C, H, W, 3): (T, B, C, …), from which `forward` goes on,
        however often the same pictures are learnt from. None with another encoder."""
        if not self.config.has_own_vision:
            return None
        with _precision(pixels.device):
            seen = self.encoder.see(self._scaled(pixels.flatten(0, 2)))
        return Seen(*(t.unflatten(0, pixels.shape[:3]) for t in seen))

    def encode(self, pixels: torch.Tensor, seen: Seen | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """What the encoder makes of pixels (N, C, H, W, 3), uint8 or floats in [−1, 1]: visual tokens (N, C, K, dim), class
        logits (N, C, N_CLASSES, gh, gw). seen (N, C, …): what its frozen part has made of them, if that is known."""
        if seen is None:
            tokens, class_logits = self.encoder(self._scaled(pixels.flatten(0, 1)))
        else:
            tokens, class_logits = self.encoder.read(Seen(*(t.flatten(0, 1) for t in seen)))
        return tokens.unflatten(0, pixels.shape[:2]), class_logits.unflatten(0, pixels.shape[:2])

    def _scaled(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels (N, H, W, 3), uint8 or floats in [−1, 1] → (N, 3, H, W) in [−1, 1]."""
        if pixels.dtype == torch.uint8:
            # to float while the channels are innermost, as they lie in memory: the other way round is many times slower
            pixels = torch.add(pixels.new_tensor(-1.0, dtype=self.actor.weight.dtype), pixels, alpha=1 / 127.5)
        return pixels.permute(0, 3, 1, 2)

    def _encoded(self, observation: Observation, seen: Seen | None = None) -> tuple[FrozenFeatures, torch.Tensor]:
        """What the encoders make of an observation (N, …), and the class logits."""
        tokens, class_logits = self.encode(observation.pixels, seen)
        visual = (tokens + self.token_position).flatten(1, 2)  # (N, C·K, dim)
        embedded = self.token_embedding(observation.words)  # (N, L, dim)
        spoken = observation.words != PADDING
        text = (embedded * spoken[..., None]).sum(1) / spoken.sum(1, keepdim=True).clamp(min=1)
        target_class_logits = self.target_class_head(text)
        shown = class_logits.sigmoid()
        target_shown = torch.einsum("nk,nckhw->nchw", target_class_logits.softmax(-1), shown[:, :, :-1])
        maps = torch.stack([target_shown, shown[:, :, -1]], dim=1).flatten(1)
        others = torch.cat([visual, embedded], dim=1)
        if len(self.fusion) == 1:
            others = self.fusion[0].prepared(others)
        return FrozenFeatures(visual, others, text, maps, target_class_logits), class_logits

    def _fuse(self, words: torch.Tensor, features: FrozenFeatures) -> torch.Tensor:
        """One vector per step (N, dim); N is T · B."""
        projected = self.visual_projection(features.visual.flatten(1))
        query = self.fuse_token + features.text + projected + self.maps(features.maps)
        spoken = words != PADDING
        mask = torch.cat([spoken.new_ones(len(spoken), 1 + features.visual.shape[1]), spoken], dim=1)
        *before, last = self.fusion
        others = features.others
        for layer in before:
            query, others = layer(torch.cat([query[:, None], others], dim=1), mask).tensor_split([1], dim=1)
            query = query[:, 0]
        return last.alone(query, last.prepared(others) if before else others, mask)

    def _step_token(self, observation: Observation, frozen_features: FrozenFeatures) -> torch.Tensor:
        fused = self._fuse(observation.words, frozen_features)
        return (
            fused
            + self.previous_action(observation.previous_action)
            + self.object_in_hand(observation.object_in_hand.long())
            + self.arm(observation.arm).to(fused.dtype)
            + sinusoids(observation.step, self.config.dim).to(fused.dtype)
        )

    def _output(
        self,
        x: torch.Tensor,
        frozen_features: FrozenFeatures,
        class_logits: torch.Tensor | None,
        observation: Observation,
        privileged: PrivilegedTargets | None,
    ) -> PolicyOutput:
        x = self.norm(x).float()
        apart = x.detach()
        if self.config.asymmetric_critic:
            unknown = x.new_full((*x.shape[:-1], N_PRIVILEGED_FEATURES), math.nan)
            apart = torch.cat([apart, unknown if privileged is None else privileged_features(privileged)], dim=-1)
        with torch.autocast(x.device.type, enabled=False):  # ratios of probabilities and returns of tens need all digits
            logits, value, cost_value = self.actor(x), self.critic(apart)[..., 0], self.cost_critic(apart)
            contact_logits = self.contact_head(x) if self.config.contact_prediction else None
            if contact_logits is not None:
                logits = self._bias_logits(logits, contact_logits, observation.contact_proximity)
        return PolicyOutput(
            logits=logits.masked_fill(self.action_mask(observation), _NEVER),
            value=value,
            cost_value=cost_value,
            frozen_features=frozen_features,
            class_logits=class_logits,
            polar_occupancy_logits=self.polar_occupancy(x).float(),
            contact_logits=contact_logits,
            target_position_m=self.target_position_head(x).float(),
        )

    def _bias_logits(self, logits: torch.Tensor, contact_logits: torch.Tensor, contact_proximity: torch.Tensor) -> torch.Tensor:
        """Logits (…, N_ACTIONS), those of the base's motions moved by predicted and past contacts.

        contact_logits (…, N_CONTACT_TARGETS); contact_proximity (…, N_CONTACT_PROXIMITY).
        """
        chances, nearness = (x.unflatten(-1, (2, N_BASE_MOTIONS)) for x in (contact_logits.detach().sigmoid(), contact_proximity))
        predicted = _PREDICTED_CONTACT_GAIN * (self.predicted_contact_weight * chances).sum(-2)
        past = _PAST_CONTACT_GAIN * (self.past_contact_weight * nearness).sum(-2)
        bias = predicted + past
        return torch.cat([logits[..., :N_BASE_MOTIONS] + bias, logits[..., N_BASE_MOTIONS:]], dim=-1)

    def act(
        self, observation: Observation, kv_cache: KVCache, privileged: PrivilegedTargets | None = None
    ) -> tuple[PolicyOutput, KVCache]:
        """One step of B episodes; writes the step into the cache's ring and returns it.

        privileged (B, …): what an asymmetric critic knows; no action depends on it.
        """
        with _precision(observation.pixels.device):
            return self._act(observation, kv_cache, privileged)

    def _act(
        self, observation: Observation, kv_cache: KVCache, privileged: PrivilegedTargets | None
    ) -> tuple[PolicyOutput, KVCache]:
        frozen_features, class_logits = self._encoded(observation)
        x = self._step_token(observation, frozen_features)[:, None]  # (B, 1, dim)
        at = kv_cache.at
        kv_cache.valid[:, at] = True
        mask = kv_cache.valid[:, None, None, :]
        for i, layer in enumerate(self.decoder):
            normed = layer.attention.norm(x)
            key, value = layer.attention.keys_values(normed)
            kv_cache.keys[i, :, :, at] = key[:, :, 0].to(kv_cache.keys)
            kv_cache.values[i, :, :, at] = value[:, :, 0].to(kv_cache.values)
            x = x + layer.attention.attend(normed, kv_cache.keys[i], kv_cache.values[i], mask)
            x = x + layer.feed_forward(x)
        kv_cache.at = (at + 1) % self.config.context
        return self._output(x[:, 0], frozen_features, class_logits, observation, privileged), kv_cache

    def forward(
        self,
        observation: Observation,
        starts: torch.Tensor,
        kv_cache: KVCache,
        frozen_features: FrozenFeatures | None = None,
        privileged: PrivilegedTargets | None = None,
        seen: Seen | None = None,
    ) -> tuple[PolicyOutput, KVCache]:
        """T steps of B episodes at once, as `act` would have given them one by one, and the cache after them.

        observation (T, B, …); starts (T, B) bool, True where a step is an episode's first; kv_cache as it was before the first of
        these steps; frozen_features (T, B, …), what the encoders have made of the observations, if that is known; privileged
        (T, B, …), what an asymmetric critic knows; seen (T, B, C, …), what `see` has made of the pictures, if that is known.
        Caches are constants: no gradient flows through them.
        """
        with _precision(starts.device):
            return self._forward(observation, starts, kv_cache, frozen_features, privileged, seen)

    def _forward(
        self,
        observation: Observation,
        starts: torch.Tensor,
        kv_cache: KVCache,
        frozen_features: FrozenFeatures | None,
        privileged: PrivilegedTargets | None,
        seen: Seen | None,
    ) -> tuple[PolicyOutput, KVCache]:
        n_steps, n_envs = starts.shape
        flat, class_logits = observation.map(lambda t: t.flatten(0, 1)), None  # (T · B, …)
        if frozen_features is None:
            flat_features, flat_logits = self._encoded(flat, seen and Seen(*(t.flatten(0, 1) for t in seen)))
            frozen_features = flat_features.map(lambda t: t.unflatten(0, (n_steps, n_envs)))
            class_logits = flat_logits.unflatten(0, (n_steps, n_envs))
        x = self._step_token(flat, frozen_features.map(lambda t: t.flatten(0, 1)))
        x = x.unflatten(0, (n_steps, n_envs)).transpose(0, 1)  # (B, T, dim)
        mask = self._sequence_mask(starts, kv_cache)
        fresh = []
        for i, layer in enumerate(self.decoder):
            normed = layer.attention.norm(x)
            key, value = layer.attention.keys_values(normed)
            fresh.append((key.detach(), value.detach()))
            key = torch.cat([kv_cache.keys[i].to(key), key], dim=2)
            value = torch.cat([kv_cache.values[i].to(value), value], dim=2)
            x = x + layer.attention.attend(normed, key, value, mask)
            x = x + layer.feed_forward(x)
        output = self._output(x.transpose(0, 1), frozen_features, class_logits, observation, privileged)
        return output, self._advance(kv_cache, fresh, starts)

    def _advance(self, kv_cache: KVCache, fresh: list[tuple[torch.Tensor, torch.Tensor]], starts: torch.Tensor) -> KVCache:
        """The cache after T more steps, whose keys and values are given per layer; oldest first, so `at` is 0."""
        context = self.config.context
        oldest_first = (kv_cache.at + torch.arange(context, device=starts.device)) % context
        new_keys = torch.stack([key for key, _ in fresh]).to(kv_cache.keys)
        new_values = torch.stack([value for _, value in fresh]).to(kv_cache.values)
        keys = torch.cat([kv_cache.keys[:, :, :, oldest_first], new_keys], dim=3)
        values = torch.cat([kv_cache.values[:, :, :, oldest_first], new_values], dim=3)
        segment = starts.long().cumsum(0)  # (T, B)
        valid = torch.cat([kv_cache.valid[:, oldest_first] & (segment[-1] == 0)[:, None], (segment == segment[-1]).T], dim=1)
        return KVCache(
            keys[:, :, :, -context:].contiguous(), values[:, :, :, -context:].contiguous(), valid[:, -context:].contiguous()
        )

    def _sequence_mask(self, starts: torch.Tensor, kv_cache: KVCache) -> torch.Tensor:
        """(B, 1, T, context + T) bool: a step sees the last `context` steps of its own episode, itself included."""
        n_steps = len(starts)
        context = self.config.context
        segment = starts.long().cumsum(0).T  # (B, T): 0 for the episode that the cache belongs to
        time = torch.arange(n_steps, device=starts.device)
        causal = (time[None, :] <= time[:, None]) & (time[:, None] - time[None, :] < context)
        new = causal & (segment[:, :, None] == segment[:, None, :])
        # the ring's slot s was written `age` steps before the first of these
        age = (kv_cache.at - 1 - torch.arange(context, device=starts.device)) % context + 1
        recent = time[:, None] + age[None, :] < context  # (T, context)
        old = recent & (segment == 0)[:, :, None] & kv_cache.valid[:, None, :]
        return torch.cat([old, new], dim=2)[:, None]


def with_cost_heads(policy: Policy, n_heads: int) -> Policy:
    """The same policy with a cost critic of n_heads outputs, whose last layer knows nothing yet; itself if it has as many."""
    if policy.config.cost_heads == n_heads:
        return policy
    widened = Policy(policy.config.model_copy(update={"cost_heads": n_heads})).to(policy.actor.weight.device)
    fresh = widened.state_dict()
    kept = {name: tensor for name, tensor in policy.state_dict().items() if tensor.shape == fresh[name].shape}
    widened.load_state_dict(fresh | kept)
    return widened
