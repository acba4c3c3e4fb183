"""Tables: published numbers stand beside ours, in columns of their own."""

import numpy as np

from safevla.evaluation import statistics
from safevla.report import tables
from tests.learning import made_up_rows


def test_main_table_keeps_published_numbers_apart():
    table = tables.main_table(statistics.summarise(made_up_rows(), ["task", "method"], 0.95, 100)).set_index("method")
    assert table.loc["ppo_lagrangian", "published_cost"] == 1.854
    assert np.isnan(table.loc["imitation", "published_cost"])
    assert "| imitation |" in tables.markdown(table.reset_index())
