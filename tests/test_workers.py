"Runs side by side: on two processes and on a cluster they come out the same, and what is killed is taken up again."

import json
import os
import subprocess
import sys

import pytest

import mnist_nb
from conftest import KILL, slow
from mnist_nb import results, workers
from mnist_nb.results import compare, load_or_run, load_or_run_many, load_results
from mnist_nb.workers import on_cluster, repeat

TEMPLATES = ("template_mse", "template_l1")


def stored(folder):
    "What is stored, but for the times"
    return {
        path.name: [{k: v for k, v in run.items() if "seconds" not in k} for run in json.loads(path.read_text())]
        for path in folder.iterdir()
    }


def dies_once(mark):
    "A function that kills its process the first time that it is called with 1, and writes down its calls"

    def job(i):
        import os  # in a worker
        import time

        with open(mark.parent / "calls", "a") as calls:
            calls.write(f"{i}\n")
        if i == 1 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), KILL)
        time.sleep(0.2)
        return 10 * i

    return job


def calls_of(mark):
    return (mark.parent / "calls").read_text().split()


def always_dies(i):
    os.kill(os.getpid(), KILL)


def dies_at_three(i):
    if i == 3:
        os.kill(os.getpid(), KILL)
    return i


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="dask is missing: pip install 'mnist_nb[cluster]'")
    import dask

    # A busy machine may take longer than the usual 15 s to start a worker anew.
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "5 minutes"}):
        with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
            yield cluster.scheduler_address


def test_two_processes_store_what_one_does(tmp_path, monkeypatch, capsys):
    # A method that the workers do not know, and the seeds in the order in which they were asked for
    monkeypatch.setitem(results.METHODS, "other", results.METHODS["template_l1"])
    one, two = (tmp_path / n for n in "12")
    load_or_run("other", (2, 0), one)
    load_or_run("other", (2, 0), two, n_jobs=2)
    assert stored(one) == stored(two) and [run["seed"] for run in stored(two)["other.json"]] == [2, 0]
    assert {run["threads"] for run in stored(two)["other.json"]} == {1}
    assert "other: run 2 of 2" in capsys.readouterr().out
    load_or_run("other", (5, 2, 2), two)  # one of them is there
    assert [run["seed"] for run in stored(two)["other.json"]] == [2, 0, 5]
    assert capsys.readouterr().out.count("other: run") == 1


def test_a_killed_worker_costs_no_job(tmp_path):
    mark = tmp_path / "mark"
    done = list(repeat(dies_once(mark), [(i,) for i in range(6)], n_jobs=2))
    assert sorted(done) == [((i,), 10 * i) for i in range(6)]
    assert 7 <= len(calls_of(mark)) <= 8  # joblib gives up both workers: what they were at is begun again


def test_a_call_that_always_kills_its_worker_is_given_up(monkeypatch):
    with pytest.raises(RuntimeError, match="killed, 3 times in a row, with . runs left: too little memory"):
        list(repeat(dies_at_three, [(i,) for i in range(4)], n_jobs=2))
    monkeypatch.setattr(workers, "_ATTEMPTS", 1)
    with pytest.raises(RuntimeError, match="killed, 1 times in a row, with 2 runs left"):
        list(repeat(always_dies, [(0,), (1,)], n_jobs=2))
    assert [*repeat(pow, [(2, 3)], n_jobs=2)] == [((2, 3), 8)]  # and the next one works


def test_what_is_repeated_may_repeat():
    def outer(i):
        from mnist_nb.workers import repeat

        return [result for _, result in repeat(pow, [(i, 2), (i, 3)], n_jobs=2)]

    assert sorted(result for _, result in repeat(outer, [(2,), (3,)])) == [[4, 8], [9, 27]]


def test_no_process_and_an_error_of_the_function_are_said():
    with pytest.raises(ValueError, match="n_jobs must be the number of processes, or -1 .*, got 0"):
        list(repeat(pow, [(2, 3)], n_jobs=0))
    with pytest.raises(ZeroDivisionError):
        list(repeat(pow, [(0, -1), (2, 3)], n_jobs=2))


def test_a_killed_program_leaves_what_was_stored(tmp_path):
    seeds = tuple(range(50))
    code = f"from mnist_nb.results import load_or_run; load_or_run('template_mse', {seeds}, {str(tmp_path)!r})"
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    for _ in range(2):
        program.stdout.readline()
    program.send_signal(KILL)
    program.communicate()
    left = [run["seed"] for run in stored(tmp_path)["template_mse.json"]]
    assert left == list(range(len(left))) and 2 <= len(left) < 50
    more = len(left) + 1
    again = load_or_run("template_mse", seeds[:more], tmp_path)
    assert [run["seed"] for run in again] == list(range(more))


@pytest.mark.parametrize("names", [(*TEMPLATES, "least_squares"), slow(("knn_1", "knn_3"))])
def test_a_cluster_repeats_what_is_stored(names, cluster, tmp_path):
    with on_cluster(cluster, seconds=100):
        anew = load_or_run_many(names, folder=tmp_path)
    for name, [run] in anew.items():
        assert compare(name, run["correct"] / 10_000).inside
        if name != "least_squares":  # two processors may round an image on the edge between two digits differently
            assert run["answers"] == load_or_run(name)[0]["answers"]
            assert [run["correct"]] == load_results()["methods"][name]["correct"]
    assert len(stored(tmp_path)) == len(names)


def test_a_cluster_trains_networks_as_good_as_the_stored_ones(cluster, tmp_path):
    with on_cluster(cluster, seconds=100):
        anew = load_or_run("cnn_fast", (100, 101), tmp_path)
    assert compare("cnn_fast", [run["correct"] / 10_000 for run in anew]).inside


def test_a_killed_worker_of_a_cluster_costs_one_run(cluster, tmp_path):
    mark = tmp_path / "mark"
    with on_cluster(cluster, seconds=100):
        done = list(repeat(dies_once(mark), [(i,) for i in range(6)]))
    assert sorted(done) == [((i,), 10 * i) for i in range(6)]
    assert sorted(calls_of(mark)) == sorted([*"012345", "1"])  # one run is lost, and no other is done twice


def test_a_call_that_always_kills_its_worker_is_given_up_by_a_cluster(cluster):
    with on_cluster(cluster, seconds=100), pytest.raises(RuntimeError, match="made one call were killed, with"):
        list(repeat(dies_at_three, [(i,) for i in range(4)]))


def test_a_worker_with_another_version_is_refused_before_it_trains(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(mnist_nb, "__version__", "0.0.1")
    mark = tmp_path / "mark"
    with (
        on_cluster(cluster, seconds=100),
        pytest.raises(RuntimeError, match=r"expected workers with mnist_nb 0\.0\.1 and torch"),
    ):
        list(repeat(dies_once(mark), [(1,), (2,)]))
    assert not mark.exists()


def test_a_cluster_that_is_not_there_is_named(cluster):
    with pytest.raises(ConnectionError, match="expected a scheduler at tcp://127.0.0.1:9, none answered in 1 s"):
        with on_cluster("tcp://127.0.0.1:9", seconds=1):
            pass
    for odd in ("nowhere", "localhost:noport", "tls://127.0.0.1:9"):
        with pytest.raises(ConnectionError, match=f"expected a scheduler at {odd}, none answered"):
            with on_cluster(odd, seconds=1):
                pass
    with pytest.raises(ConnectionError, match="expected 3 workers at .*, got 2: start some with `dask worker"):
        with on_cluster(cluster, workers=3, seconds=1):
            pass


def test_the_library_leaves_dask_alone():
    code = "import sys, mnist_nb.results; sys.exit('distributed' in sys.modules or 'dask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
