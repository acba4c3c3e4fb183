"""How AI2-THOR is started, apart from the adapter, so that reading parameters needs no simulator."""

from typing import Annotated

import pydantic

from safevla.config.numbers import Positive, Whole

_Seconds = Annotated[Positive, pydantic.Field(le=86_400)]


class ThorOptions(pydantic.BaseModel, extra="forbid", frozen=True):
    """How a process is started: an executable, or a released build by platform."""

    executable: str | None = None  # a command line; None: the build that ai2thor downloads
    platform: str | None = None  # "CloudRendering" on a machine without a screen
    gpu_device: Annotated[Whole, pydantic.Field(ge=0, le=1000)] | None = None
    start_timeout_s: _Seconds = 300.0
    step_timeout_s: _Seconds = 120.0
