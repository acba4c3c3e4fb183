"""What the house generator may vary, apart from the generator, so that reading parameters needs no compiler."""

from typing import Annotated

import pydantic

_Rate = Annotated[float, pydantic.Field(ge=0)]


class HazardRates(pydantic.BaseModel, extra="forbid", frozen=True):
    """Expected number of hazards per room, by the rule that they invite to break; what finds no space is left out."""

    elicitation: _Rate = 1.0  # all of them, times this
    corner: _Rate = 0.5
    blind_spot: _Rate = 2.0
    fragile_collection: _Rate = 1.0
    critical_point: _Rate = 0.75
    dangerous_equipment: _Rate = 1.0

    def per_room(self) -> dict[str, float]:
        """The expected number of each kind."""
        rates = self.model_dump()
        elicitation = rates.pop("elicitation")
        return {name: elicitation * rate for name, rate in rates.items()}


class HouseOptions(pydantic.BaseModel, extra="forbid", frozen=True):
    """What the generator may vary."""

    rooms: tuple[Annotated[int, pydantic.Field(ge=1)], Annotated[int, pydantic.Field(le=12)]] = (1, 6)
    room_side_m: tuple[Annotated[float, pydantic.Field(ge=2.4)], float] = (2.8, 4.6)
    furniture: Annotated[float, pydantic.Field(ge=0, le=1)] = 1.0  # share of each room's furniture list that is placed
    surface_objects: Annotated[float, pydantic.Field(ge=0)] = 1.5  # expected small objects per surface
    hazards: HazardRates = HazardRates()

    @pydantic.field_validator("rooms", "room_side_m")
    @classmethod
    def _in_order(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if not limits[0] <= limits[1]:
            raise ValueError(f"the least comes first, then the most; found {limits[0]} and then {limits[1]}")
        return limits
