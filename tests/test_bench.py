"The benchmark runs, at a tiny size and into a file of its own; its times are not tested."

import json

import pytest

import bench

STORED = json.loads(bench.OUT.read_text(encoding="utf8"))


@pytest.mark.parametrize("parts", [["next"], pytest.param([*bench.TABLES, "loaders"], marks=pytest.mark.slow)])
def test_parts_are_measured_and_the_others_kept(parts, tmp_path, monkeypatch):
    out = tmp_path / "speed.json"
    out.write_text(json.dumps({**STORED, "full": "kept"}), encoding="utf8")
    monkeypatch.setattr("sys.argv", ["bench", "--limit", "128", "--out", str(out), "--only", *parts])
    bench.main()
    result = json.loads(out.read_text(encoding="utf8"))
    assert result["full"] == "kept" or "full" in parts
    assert result.keys() == STORED.keys() and list(tmp_path.iterdir()) == [out]
    for part in parts:
        assert result[part].keys() == STORED[part].keys()
        assert result["machine"][part].keys() >= {"threads", "torch", "instructions"}
        for name, r in result[part].items() if part in bench.TABLES else ():
            assert r.keys() == STORED[part][name].keys() and (r["images"], len(r["correct"])) == (128, r["seeds"])
