"""Episodes: one that is changed is in the same house, unless the house is what changes."""

from safevla.world.house_file import House


def test_a_changed_episode_keeps_the_layout_of_its_house_only(some_episodes):
    episode = some_episodes[0]
    layout = episode.layout
    assert episode.changed(expert_steps=3).layout is layout and episode.changed(expert_steps=3).expert_steps == 3
    house: House = {**episode.house, "objects": []}
    assert episode.changed(house=house).layout.n_boxes < layout.n_boxes
