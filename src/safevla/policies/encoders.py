"""Encoders: pretrained ones, frozen, in the place of those that the policy learns from scratch.

This project's own vision encoder (`vision_encoder`) knows the embedded simulator's world, and a file of it is enough. Others know
ours: pictures through DINOv2 or SigLIP, text through T5, SigLIP or MiniLM, from a folder in the format of the Hugging Face hub,
by the `transformers` library (the extra `encoders`). MiniLM comes as a Python package, too (the extra `minilm`). As SPOC does,
their visual features are pooled to a coarse grid and compressed by two 1×1 convolutions. The pretrained weights are no part of
the policy's own: they are neither trained nor written to its checkpoints, but loaded again.
"""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from safevla.config.policy_config import TEXT_PACKAGES, PolicyConfig
from safevla.env import privileged_targets
from safevla.policies import vision_files
from safevla.policies.layers import Encoder, Tokens
from safevla.policies.vision_encoder import Seen
from safevla.policies.vision_files import EncoderError

MAX_TOKENS = 32  # of an instruction
_REMEMBERED = 1024  # instructions that a text encoder remembers, with what it made of them
_IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])  # mean and deviation, where the folder names none


def _library() -> Any:
    try:
        import transformers
    except ImportError:
        raise EncoderError("pretrained encoders need the library transformers: pip install 'safevla[encoders]'") from None
    return transformers


def _model(path: str, example: str, part: Callable[[Any, str], Any]) -> nn.Module:
    """The frozen model in a folder; `part` names its class from the library and the kind that the folder says it is."""
    library = _library()
    hint = f"`hf download {example} --local-dir {path}` gets such a folder"
    try:
        kind = library.AutoConfig.from_pretrained(path, local_files_only=True).model_type
        loaded = part(library, kind).from_pretrained(path, local_files_only=True, use_safetensors=True, output_loading_info=True)
    except (OSError, ValueError) as error:
        raise EncoderError(f"{path}: no pretrained model in safetensors there ({str(error).splitlines()[0]}); {hint}") from None
    model, about = loaded
    if about["missing_keys"]:
        raise EncoderError(f"{path}: the weights lack {min(about['missing_keys'])}; {hint}")
    return model.eval().requires_grad_(False)


class _Frozen(nn.Module):
    """Holds a pretrained model that follows it to other devices and types, and is otherwise none of its parts."""

    def __init__(self, model: nn.Module):
        super().__init__()
        object.__setattr__(self, "_model", model)

    def _apply(self, fn: Callable, recurse: bool = True) -> "_Frozen":
        self._model._apply(fn, recurse)
        return super()._apply(fn, recurse)


class PretrainedVision(_Frozen):
    """Pixels of one camera → visual tokens, and the coarse class map that they show."""

    def __init__(self, config: PolicyConfig):
        path = str(config.vision)
        super().__init__(_model(path, "facebook/dinov2-small", _vision_class))
        settings = Path(path) / "preprocessor_config.json"
        given = json.loads(settings.read_text(encoding="utf-8")) if settings.exists() else {}
        for name, fallback in zip(("image_mean", "image_std"), _IMAGENET, strict=True):
            self.register_buffer(name, torch.tensor(given.get(name, fallback))[:, None, None], persistent=False)
        hidden = self._model.config.hidden_size
        self._interpolates = {"interpolate_pos_encoding": True} if "siglip" in self._model.config.model_type else {}
        self._patch = self._model.config.patch_size
        self._map_size = config.map_size
        self.n_tokens = config.map_size[0] * config.map_size[1]
        self.class_map = nn.Conv2d(hidden, privileged_targets.N_CLASSES, 1)
        self.compress = nn.Sequential(
            nn.Conv2d(hidden + privileged_targets.N_CLASSES, config.dim, 1),
            nn.ReLU(),
            nn.Conv2d(config.dim, config.dim, 1),
            nn.ReLU(),
        )

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """pixels (N, 3, H, W) in [−1, 1] → tokens (N, K, dim), class logits (N, N_CLASSES, gh, gw)."""
        height, width = (size // self._patch for size in pixels.shape[-2:])
        scaled = ((pixels + 1.0) / 2.0 - self.image_mean) / self.image_std
        hidden = self._model(scaled, **self._interpolates).last_hidden_state[:, -height * width :]  # after class and registers
        features = hidden.transpose(1, 2).unflatten(-1, (height, width))
        features = functional.adaptive_avg_pool2d(features, self._map_size)
        class_logits = self.class_map(features)
        tokens = self.compress(torch.cat([features, class_logits.sigmoid()], dim=1))
        return tokens.flatten(2).transpose(1, 2), class_logits


class OwnVision(_Frozen):
    """Pixels of one camera → visual tokens, and the coarse class map that they show, by this project's own vision encoder."""

    def __init__(self, config: PolicyConfig):
        encoder, self.sha256 = vision_files.load(str(config.vision))
        if encoder.config.image_size != config.image_size:
            seen, asked = ("x".join(map(str, size)) for size in (encoder.config.image_size, config.image_size))
            raise EncoderError(f"policy.vision: {config.vision} is for pictures of {seen}, and policy.image_size is {asked}")
        super().__init__(encoder.to(memory_format=torch.channels_last))
        self.tokens = Tokens(encoder.config.widths[1], config)
        self.n_tokens = self.tokens.n_tokens

    def see(self, pixels: torch.Tensor) -> Seen:
        """What the frozen encoder makes of pixels (N, 3, H, W) in [−1, 1]."""
        with torch.no_grad():
            return self._model(pixels)

    def read(self, seen: Seen) -> tuple[torch.Tensor, torch.Tensor]:
        """What it has made of N pictures → tokens (N, K, dim), class logits (N, N_CLASSES, gh, gw)."""
        return self.tokens(torch.cat([seen.features, seen.class_logits.sigmoid()], dim=1)), seen.class_logits

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """pixels (N, 3, H, W) in [−1, 1] → tokens (N, K, dim), class logits (N, N_CLASSES, gh, gw)."""
        return self.read(self.see(pixels))


def vision_of(config: PolicyConfig) -> Encoder | OwnVision | PretrainedVision:
    """The policy's vision encoder."""
    if config.vision is None:
        return Encoder(config)
    return OwnVision(config) if config.has_own_vision else PretrainedVision(config)


def _vision_class(library: Any, kind: str) -> Any:
    return library.SiglipVisionModel if kind.startswith("siglip") else library.AutoModel


class PretrainedText(_Frozen):
    """Token ids of an instruction, plus one so that 0 is padding → a vector per token."""

    def __init__(self, config: PolicyConfig):
        path = text_folder(str(config.text))
        super().__init__(_model(path, "google-t5/t5-small", _text_class))
        self.project = nn.Linear(self._model.config.hidden_size, config.dim)
        self._tokenizer = _library().AutoTokenizer.from_pretrained(path, local_files_only=True)
        self._remembered: dict[tuple[int, ...], torch.Tensor] = {}

    def _apply(self, fn: Callable, recurse: bool = True) -> "PretrainedText":
        self._remembered.clear()  # it was of another device or type
        super()._apply(fn, recurse)
        return self

    def tokenize(self, instruction: str) -> list[int]:
        """MAX_TOKENS ids, padded."""
        ids = [index + 1 for index in self._tokenizer(instruction)["input_ids"]][:MAX_TOKENS]
        return ids + [0] * (MAX_TOKENS - len(ids))

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """words (N, MAX_TOKENS) → (N, MAX_TOKENS, dim); an instruction is encoded when it is met first."""
        each, row = torch.unique(words, dim=0, return_inverse=True)
        names = [tuple(ids) for ids in each.tolist()]
        new = [i for i, name in enumerate(names) if name not in self._remembered]
        if new:
            if len(self._remembered) + len(new) > _REMEMBERED:
                self._remembered.clear()
                new = list(range(len(names)))
            with torch.inference_mode(False), torch.no_grad():  # what is remembered while acting serves in learning
                ids = each[new].clone()
                hidden = self._model(input_ids=(ids - 1).clamp(min=0), attention_mask=(ids > 0).long()).last_hidden_state
            self._remembered |= {names[i]: one for i, one in zip(new, hidden, strict=True)}
        return self.project(torch.stack([self._remembered[name] for name in names]))[row]


def text_folder(text: str) -> str:
    """The folder of the text encoder that `policy.text` names.

    Raises:
        EncoderError: the package that holds it is not installed.
    """
    package = TEXT_PACKAGES.get(text)
    if package is None:
        return text
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise EncoderError(f"policy.text: {text} needs the package {package}: pip install 'safevla[{text}]'")
    return str(Path(found.submodule_search_locations[0]) / "model")


def _text_class(library: Any, kind: str) -> Any:
    if kind == "bert":
        return library.AutoModel
    return library.SiglipTextModel if kind.startswith("siglip") else library.T5EncoderModel
