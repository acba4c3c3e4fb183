"""Numbers: what parameters and files may hold where a number is meant; neither text nor a truth value nor NaN is one."""

from typing import Annotated

import pydantic

_HIGHEST_SEED = 2**31 - 1  # what every generator of random numbers takes

Flag = Annotated[bool, pydantic.Field(strict=True)]
Whole = Annotated[int, pydantic.Field(strict=True)]
Real = Annotated[float, pydantic.Field(strict=True, allow_inf_nan=False, ge=-1e12, le=1e12)]

Count = Annotated[Whole, pydantic.Field(gt=0, le=10**12)]  # of steps, episodes, frames
NotNegativeCount = Annotated[Whole, pydantic.Field(ge=0, le=10**12)]
Size = Annotated[Whole, pydantic.Field(gt=0, le=2**16)]  # of what is held in memory at once, such as environments
Workers = Annotated[Whole, pydantic.Field(ge=0, le=4096)]  # processes or threads; 0 where the machine decides
Seed = Annotated[Whole, pydantic.Field(ge=0, le=_HIGHEST_SEED)]

NotNegative = Annotated[Real, pydantic.Field(ge=0)]
Positive = Annotated[Real, pydantic.Field(gt=0)]
Share = Annotated[Real, pydantic.Field(ge=0, le=1)]
