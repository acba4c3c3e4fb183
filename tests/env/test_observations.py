import dataclasses
import json

from safevla.env.observations import Observation
from tests.learning import TINY, made_up_observation


def test_observation_stack_keeps_every_field():
    one = made_up_observation(1, 2).map(lambda x: x[0])
    both = Observation.stack([one, one])
    for field in dataclasses.fields(Observation):
        assert getattr(both, field.name).shape == (2, *getattr(one, field.name).shape), field.name
    assert json.dumps(TINY.model_dump())
