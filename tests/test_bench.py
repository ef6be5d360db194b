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
    monkeypatch.setattr(bench, "train_recipe", lambda *args: pytest.fail("measured again"))
    monkeypatch.setattr(bench, "loader_ratios", lambda *args: pytest.fail("measured again"))
    monkeypatch.setattr(bench, "ours", lambda *args: pytest.fail("measured again"))
    bench.main()
    assert all(json.loads(path.read_text(encoding="utf8"))["images"] for path in files.values())


def test_an_unknown_part_is_named(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bench", "raze"])
    with pytest.raises(SystemExit):
        bench.main()
    assert "got raze" in capsys.readouterr().err
