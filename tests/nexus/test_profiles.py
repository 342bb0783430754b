"""Batch latencies: interpolation, the monotone table, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gavelopt as go

OLD = """caffe:vgg16:1
TITAN_X_(Pascal)
Forward latency
batch,latency(us),std(us),memory(B)
1,6277.4,22.3,949944320
2,14499,20.6,1061093376
Preprocess latency
mean(us),std(us)
3306.44,1535.62
Postprocess latency
mean(us),std(us)
1.4,1.3
"""
NEW = """caffe:vgg16:1
TITAN_X_(Pascal)
GPU-5e8a
Forward latency
batch,latency(us),std(us),memory(B),repeat
1,{first},10,949944320,{repeat}
2,14499,20.6,1061093376,{repeat}
Preprocess latency (mean,std,repeat)
3306.44,1535.62,100
Postprocess latency (mean,std,repeat)
1.4,1.3,100
"""


def test_step_up_takes_the_next_measured_batch() -> None:
    curve = go.BatchProfile.from_ms("A", "gpu", {4: 50, 8: 75, 16: 100}).curve()
    assert curve.latency_us.tolist() == [50_000] * 4 + [75_000] * 4 + [100_000] * 8


def test_linear_and_affine() -> None:
    profile = go.BatchProfile.from_ms("A", "gpu", {2: 20, 4: 40})
    assert profile.curve("linear").latency_us.tolist() == [20_000, 20_000, 30_000, 40_000]
    assert profile.curve("affine").latency_us.tolist() == [10_000, 20_000, 30_000, 40_000]


def test_affine_never_falls() -> None:
    curve = go.BatchProfile.from_ms("A", "gpu", {1: 30, 2: 20}).curve("affine")
    assert curve.latency_us.tolist() == [25_000, 25_000]


def test_a_batch_is_padded_where_a_larger_one_is_faster() -> None:
    profile = go.BatchProfile("A", "gpu", [1, 2, 3], [10_000, 30_000, 20_000], memory_bytes=[1, 2, 3])
    curve = profile.curve()
    assert curve.latency_us.tolist() == [10_000, 20_000, 20_000]
    assert curve.run_batch.tolist() == [1, 3, 3]
    assert curve.memory_bytes.tolist() == [1, 3, 3]
    assert any("latency falls in 1 of 2" in words for words in profile.irregularities)


def test_the_best_batch_is_an_argmax_and_not_the_largest() -> None:
    curve = go.BatchProfile.from_ms("A", "gpu", {1: 10, 2: 15, 3: 40}).curve()
    assert int(curve.largest_within(40_000)) == 3
    assert int(curve.fastest_within(40_000)) == 2
    assert int(curve.fastest_within(9_999)) == 0


def test_equal_throughput_takes_the_smaller_batch() -> None:
    assert int(go.BatchProfile.from_ms("A", "gpu", {8: 75, 16: 150}).curve().fastest_within(150_000)) == 8


def test_max_batch() -> None:
    profile = go.BatchProfile.from_ms("A", "gpu", {4: 50, 8: 75, 16: 100})
    assert len(profile.curve("step_up", 10)) == 8  # a batch of 9 would be run as 16
    assert len(profile.curve("linear", 10)) == 10
    with pytest.raises(go.InputError, match="no batch may be run"):
        profile.curve("step_up", 3)


def test_latencies_are_rounded_up_to_microseconds() -> None:
    assert go.BatchProfile("A", "gpu", [1], [6277.4]).latency_us.tolist() == [6278]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"batch": [], "latency_us": []}, "no rows"),
        ({"batch": [1, 1], "latency_us": [5, 6]}, "two latencies for one batch"),
        ({"batch": [0], "latency_us": [5]}, "batch out of range"),
        ({"batch": [1.5], "latency_us": [5]}, "must be whole"),
        ({"batch": [1], "latency_us": [0]}, "latency out of range"),
        ({"batch": [1], "latency_us": [5], "memory_bytes": [-1]}, "memory_bytes out of range"),
        ({"batch": [1], "latency_us": [5], "preprocess_us": -1}, "preprocess_us out of range"),
    ],
)
def test_bad_rows_are_named(rows: dict[str, object], words: str) -> None:
    with pytest.raises(go.InputError, match=words) as caught:
        go.BatchProfile("A", "gpu", **rows)  # type: ignore[arg-type]
    assert "profile of 'A' on 'gpu'" in str(caught.value)


def test_both_forms_of_nexus_text(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text(OLD)
    (tmp_path / "new.txt").write_text(NEW.format(first=6277.4, repeat=30))
    old, new = (go.read_batch_profiles(tmp_path / name)[0] for name in ("old.txt", "new.txt"))
    for profile in (old, new):
        assert (profile.model, profile.accelerator) == ("caffe:vgg16:1", "TITAN_X_(Pascal)")
        assert profile.latency_us.tolist() == [6278, 14499]
        assert (profile.preprocess_us, profile.postprocess_us) == (3307, 2)
        assert profile.memory_bytes is not None
        assert profile.memory_bytes[0] == 949_944_320


def test_several_cards_are_averaged_by_their_repetitions(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(NEW.format(first=6000, repeat=10))
    (tmp_path / "b.txt").write_text(NEW.format(first=9000, repeat=20))
    (profile,) = go.read_batch_profiles(tmp_path)
    assert profile.latency_us.tolist() == [8000, 14499]
    assert profile.std_us is not None
    assert profile.std_us[0] == pytest.approx(np.sqrt(10**2 + 2 / 9 * 3000**2))


def test_csv(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("model,accelerator,batch,latency_ms,memory_gib\nm,v100,1,2.5,0.5\nm,v100,2,4,0.5\n")
    (profile,) = go.read_batch_profiles(tmp_path / "p.csv", accelerator="a100")
    assert (profile.accelerator, profile.latency_us.tolist()) == ("a100", [2500, 4000])
    assert profile.std_us is None


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.txt", "one line", "not a Nexus profile"),
        ("p.txt", OLD.replace("2,14499", "2,fast"), "line 6"),
        ("p.txt", OLD.replace("3306.44,1535.62\n", ""), "a title without its numbers"),
        ("p.csv", "model,batch,latency_ms\nm,1,2\n", "accelerator"),
        ("p.csv", "model,accelerator,batch\nm,g,1\n", "no latency column"),
        ("p.csv", "model,accelerator,batch,latency_ms\nm,g,1,x\n", "line 2"),
        ("p.xyz", "", "file ending"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(go.InputError, match=words):
        go.read_batch_profiles(tmp_path / name)


def test_the_measured_profiles(shared_data: Path) -> None:
    """uwsampl/nexus, TITAN X (Pascal): not monotone, and the best batch is not the largest."""
    profiles = {p.model: p for p in go.read_batch_profiles(shared_data / "nexus_profiles")}
    assert sorted(len(p.batch) for p in profiles.values()) == [24, 173, 174, 512]
    assert "latency falls in 35 of 173 steps" in profiles["caffe:vgg16:1"].irregularities[0]
    assert "throughput falls in 75 of 173" in profiles["caffe:vgg16:1"].irregularities[1]
    curve = profiles["caffe:vgg_s:1"].curve()
    assert (np.diff(curve.latency_us) >= 0).all()
    assert int(curve.largest_within(250_000)) > 4 * int(curve.fastest_within(250_000))


def test_packing_the_measured_profiles(shared_data: Path) -> None:
    profiles = go.read_batch_profiles(shared_data / "nexus_profiles", accelerator="titan")
    names = [p.model for p in profiles]
    sessions = go.SessionSet(
        12,
        model=[names[k % 4] for k in range(12)],
        rate_rps=np.linspace(3, 60, 12),
        slo_ms=np.linspace(150, 600, 12),
    )
    instance = go.PackingInstance([go.GpuType("titan", memory_gib=12)], profiles, sessions)
    exact = go.solve(instance, "squishy")
    assert exact.status == "optimal"
    for method in ("greedy", "knapsack", "greedy_repository", "batch_oblivious"):
        found = go.solve(instance, "squishy", method=method)
        assert found.value is not None
        assert found.value >= exact.value
    assert len(exact.warnings) == 4
