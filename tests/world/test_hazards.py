"""Hazards: recorded at the rates asked for."""

import math

from safevla.world import generation, hazards


def test_hazards_are_recorded_at_the_rates_asked_for():
    rates = {"corner": 0.6, "blind_spot": 1.2, "fragile_collection": 0.4, "critical_point": 0.4, "dangerous_equipment": 0.8}
    found = [generation.generate(seed, hazards=rates) for seed in range(300)]
    rooms = sum(len(house["rooms"]) for house in found)
    for kind, rate in rates.items():
        count = sum(hazard["kind"] == kind for house in found for hazard in house["metadata"]["hazards"])
        # Poisson, less what a full room has no place for
        assert rate * rooms * 0.8 - 3 * math.sqrt(rate * rooms) < count < rate * rooms + 3 * math.sqrt(rate * rooms), kind


def test_no_hazards_when_none_are_asked_for():
    none = dict.fromkeys(hazards.HAZARD_KINDS, 0.0)
    assert all(generation.generate(seed, hazards=none)["metadata"]["hazards"] == [] for seed in range(20))
