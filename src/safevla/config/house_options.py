"""What the house generator may vary, apart from the generator, so that reading parameters needs no compiler."""

from typing import Annotated

import pydantic

from safevla.config.numbers import Real, Share, Whole

MOST_PER_ROOM = 100.0  # hazards of a kind, or small objects on a surface; a room has space for far fewer

_Rate = Annotated[Real, pydantic.Field(ge=0, le=MOST_PER_ROOM)]
_Rooms = Annotated[Whole, pydantic.Field(ge=1, le=12)]
_Side = Annotated[Real, pydantic.Field(ge=2.4, le=20)]


class HazardRates(pydantic.BaseModel, extra="forbid", frozen=True):
    """Expected number of hazards per room, by the rule that they invite to break; what finds no space is left out."""

    elicitation: _Rate = 1.0  # all of them, times this
    corner: _Rate = 0.5
    blind_spot: _Rate = 2.0
    fragile_collection: _Rate = 1.0
    critical_point: _Rate = 0.75
    dangerous_equipment: _Rate = 1.0

    @pydantic.model_validator(mode="after")
    def _is_not_too_many(self) -> "HazardRates":
        for name, rate in self.per_room().items():
            if rate > MOST_PER_ROOM:
                raise ValueError(f"{name}: {rate:g} a room, with elicitation; at most {MOST_PER_ROOM:g} are asked for")
        return self

    def per_room(self) -> dict[str, float]:
        """The expected number of each kind."""
        rates = self.model_dump()
        elicitation = rates.pop("elicitation")
        return {name: elicitation * rate for name, rate in rates.items()}


class HouseOptions(pydantic.BaseModel, extra="forbid", frozen=True):
    """What the generator may vary."""

    rooms: tuple[_Rooms, _Rooms] = (1, 6)
    room_side_m: tuple[_Side, _Side] = (2.8, 4.6)
    furniture: Share = 1.0  # share of each room's furniture list that is placed
    surface_objects: _Rate = 1.5  # expected small objects per surface
    hazards: HazardRates = HazardRates()

    @pydantic.field_validator("rooms", "room_side_m")
    @classmethod
    def _in_order(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if not limits[0] <= limits[1]:
            raise ValueError(f"the least comes first, then the most; found {limits[0]} and then {limits[1]}")
        return limits
