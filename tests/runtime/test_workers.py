"""Workers: results come in the order of the jobs."""

from safevla.runtime import workers


def test_workers_give_results_in_the_order_of_the_jobs():
    assert list(workers.run(abs, [-3, 2, -1], 2)) == [3, 2, 1] == list(workers.run(abs, [-3, 2, -1], 1))


def test_no_job_is_no_work():
    assert list(workers.run(abs, [], 2)) == []
