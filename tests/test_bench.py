"The benchmark runs, at a tiny size and into a folder of its own; its times are not tested."

import json

import pytest

import bench


@pytest.mark.parametrize("parts", [["steps"], pytest.param([*bench.TABLES, "loaders"], marks=pytest.mark.slow)])
def test_parts_are_measured_and_kept(parts, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["bench", "--limit", "256", "--out", str(tmp_path), *parts])
    bench.main()
    files = {path.stem: path for path in tmp_path.iterdir()}
    assert set(files) == set(parts)
    for part in parts:
        result = json.loads(files[part].read_text(encoding="utf8"))
        assert result["machine"].keys() >= {"threads", "torch", "instructions"}
        if part in bench.TABLES:
            assert [*result["runs"]] == [*bench.TABLES[part]]
            assert all(len(r["seconds"]) == len(r["correct"]) == 1 for r in result["runs"].values())
    monkeypatch.setattr(bench, "train_recipe", lambda *args, **kwargs: pytest.fail("measured again"))
    monkeypatch.setattr(bench, "loader_ratios", lambda *args, **kwargs: pytest.fail("measured again"))
    monkeypatch.setattr(bench, "ours", lambda *args, **kwargs: pytest.fail("measured again"))
    bench.main()
    assert all(json.loads(path.read_text(encoding="utf8"))["images"] for path in files.values())


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["raze"], "got raze"),
        (["--device", "cuda", "steps"], "with --device, PART must be race, got steps"),
        (["--device", "tpu", "race"], "device must be one of auto, cpu, cuda, mps, got 'tpu'"),
    ],
)
def test_what_cannot_be_measured_is_named(arguments, said, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bench", *arguments])
    with pytest.raises(SystemExit) as stopped:
        bench.main()
    assert said in capsys.readouterr().err + str(stopped.value)
