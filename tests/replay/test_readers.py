"""Readers of published traces, on small files of the same form and on the data sets themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gavelopt as go
from gavelopt.io.openb import read_openb_nodes, read_openb_pods
from gavelopt.io.philly import read_philly_jobs, read_philly_runtimes
from gavelopt.io.pollux_workloads import read_pollux_workload
from tests.replay.traces import failed


def test_philly_jobs(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text(
        "timestamp,duration,num_gpus,gpu_time,cluster\n2017-10-09 07:01:55,66.0,1,66.0,a\n"
        "2017-10-09 07:00:55,10.0,2,20.0,a\n2017-10-09 07:02:55,0.0,1,0,a\n"
    )
    instance = read_philly_jobs(file, 2)
    assert instance.jobs.arrival_s.tolist() == [0, 60]
    assert instance.jobs.scale_factor.tolist() == [2, 1]
    assert instance.notes == ("1 job(s) without runtime or GPUs left out",)
    assert go.replay(instance, "fcfs").finish_s.tolist() == [10, 126]
    assert read_philly_runtimes(file).tolist() == [66, 10, 0]
    (tmp_path / "q.csv").write_text("timestamp,duration\n")
    with pytest.raises(go.InputError, match="num_gpus"):
        read_philly_jobs(tmp_path / "q.csv", 2)


def test_openb(tmp_path: Path) -> None:
    pods, nodes = tmp_path / "pods.csv", tmp_path / "nodes.csv"
    nodes.write_text("sn,cpu_milli,memory_mib,gpu,model\nn0,1,1,0,\nn1,1,1,2,T4\nn2,1,1,2,T4\nn3,1,1,8,P100\n")
    pods.write_text(
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n"
        "p0,1,1,1,500,,LS,Running,100,160,110\np1,1,1,2,1000,P100|V100M16,LS,Running,50,80,60\n"
        "p2,1,1,0,0,,LS,Running,1,2,1\np3,1,1,1,1000,,LS,Pending,1,,\n"
    )
    cluster = read_openb_nodes(nodes)
    assert dict(zip(cluster.accelerators, cluster.count, strict=True)) == {"P100": 8, "T4": 4}
    instance = read_openb_pods(pods, cluster)
    assert list(instance.jobs.names) == ["p1", "p0"]
    assert instance.jobs.steps is not None
    assert instance.jobs.steps.tolist() == [20, 50]
    np.testing.assert_array_equal(instance.rates, [[1, 0], [1, 1]])
    assert [note.split()[0] for note in instance.notes] == ["1", "1", "1"]
    assert go.replay(instance, "fcfs").finish_s.tolist() == [70, 150]
    with pytest.raises(go.InputError, match="p1"):
        read_openb_pods(pods, {"T4": 4})


def test_pollux_workload(tmp_path: Path) -> None:
    file = tmp_path / "w.csv"
    file.write_text("name,time,application,num_replicas,batch_size\nb,356,cifar10,4,4096\na,110,ncf,1,320\n")
    workload = read_pollux_workload(file)
    assert list(workload.jobs.names) == ["a", "b"]
    assert workload.batch_size.tolist() == [320, 4096]
    trace = workload.as_trace(go.Cluster(["t4"], [4]), {"ncf": 300.0, "cifar10": 100.0})
    assert go.replay(trace, "fcfs").finish_s.tolist() == [410, 510]
    with pytest.raises(go.UnknownName, match="ncf"):
        workload.as_trace(go.Cluster(["t4"], [4]), {"cifar10": 100.0})


def test_the_data_sets(shared_data: Path) -> None:
    runtimes = read_philly_runtimes(shared_data / "philly" / "philly_runtime.csv")
    assert len(runtimes) == 83_154
    assert np.median(runtimes) == pytest.approx(1186, abs=1)
    openb = shared_data / "alibaba_gpu_v2023"
    cluster = read_openb_nodes(openb / "openb_node_list_all_node.csv")
    assert cluster.count.sum() == 6212
    pods = read_openb_pods(openb / "openb_pod_list_gpuspec33.csv", cluster)
    assert not failed(go.replay(pods.take(list(range(300))), "fcfs"))
    for file in sorted((shared_data / "pollux_sia" / "workloads").glob("*/workload-1.csv")):
        assert len(read_pollux_workload(file).jobs) in (80, 160, 240, 320)
    jobs = read_philly_jobs(shared_data / "pollux_sia" / "philly_pollux.csv", 2490)
    assert len(jobs.jobs) > 80_000
