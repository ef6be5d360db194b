"The benchmark runs, at a tiny size and into a folder of its own; its times are not tested."

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_benchmark_runs_and_writes_both_files(tmp_path):
    command = [sys.executable, ROOT / "tools" / "bench.py", "--limit", "640", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "speed.json").read_text(encoding="utf8"))
    assert {"ours, 99.0%", "ours, one epoch", "ours, four epochs", "published", "example", "tutorial"} == set(
        result["race"]
    )
    assert all(r["images"] == 640 and len(r["correct"]) == r["seeds"] for r in result["race"].values())
    assert {"machine", "race", "next", "steps", "ablation", "ingredients", "full", "bits", "loaders"} == set(result)
    assert set(result["machine"]) == set(result) - {"machine"}
    assert all({"threads", "torch", "instructions"} <= set(on) for on in result["machine"].values())
    assert "| published |" in (tmp_path / "speed.md").read_text(encoding="utf8")
    assert {p.name for p in tmp_path.iterdir()} == {"speed.json", "speed.md"}
