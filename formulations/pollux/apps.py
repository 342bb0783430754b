"""The six measured applications of Pollux's evaluation, and instances drawn from them.

The seven throughput parameters were fitted (``fit.py``) to the step times of the Pollux artifact (github.com/petuum/adaptdl,
branch osdi21-artifact, Apache-2.0) for 16 nodes of 4 NVIDIA T4; those for A100 to the Sia artifact's measurements on nodes of
8. NOISE is the 5th and the 95th percentile of phi / M0 = grad_var / grad_sqr over the artifact's training runs, and JOBS the
number of jobs of each application in its workload 6 (160 jobs drawn from the Philly trace).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

import gavelopt as go

APPS = ("bert", "cifar10", "deepspeech2", "imagenet", "ncf", "yolov3")
GPUS_PER_NODE = {"t4": 4, "a100": 8}

# alpha_c, beta_c, alpha_n, beta_n, alpha_r, beta_r in seconds, gamma; then the local batch limits
PERF = {
    "t4": {
        "bert": (0.171936, 0.0586109, 1.38572, 0.00943134, 0.284215, 0.00961256, 1.90225, 4, 12),
        "cifar10": (0.0186594, 0.000679814, 0.0915219, 0.00252491, 0.0153994, 4.72833e-08, 1.2769, 32, 1024),
        "deepspeech2": (0.311102, 0.023844, 0.48713, 0.00981846, 0.0839427, 0.00136988, 1.41309, 10, 80),
        "imagenet": (0.0641744, 0.00448029, 0.299478, 0.00663753, 0.0264635, 5.20793e-05, 2.4705, 20, 200),
        "ncf": (0.00695735, 6.35407e-07, 0.0174808, 0.000555966, 0.00599896, 7.77415e-08, 1.24811, 32, 32768),
        "yolov3": (0.187108, 0.0253846, 0.749123, 0.0107143, 0.128284, 0.0174394, 1.10778, 4, 16),
    },
    "a100": {
        "bert": (0.097612, 0.00471685, 0.0252568, 0.00299231, 0.0230008, 0.00466926, 1.37191, 4, 48),
        "cifar10": (0.0247275, 8.55678e-05, 0.00300868, 0.000465654, 0.0035456, 0.000545669, 1.27214, 32, 4096),
        "deepspeech2": (0.430673, 0.0135445, 0.232033, 0.0116156, 0.161318, 0.0153538, 1.88214, 10, 320),
        "imagenet": (0.0940175, 0.000845837, 0.00720406, 0.0012185, 0.0112073, 0.0011603, 1.0, 20, 800),
        "ncf": (0.00806628, 1.2079e-07, 0.00136167, 0.000205912, 0.00442985, 1e-08, 1.17897, 32, 32768),
        "yolov3": (0.312849, 0.0183318, 0.063376, 0.0170319, 0.0915095, 0.0228368, 1.0, 4, 32),
    },
}
BATCH = {  # M0, M_max
    "bert": (12, 384),
    "cifar10": (128, 4096),
    "deepspeech2": (20, 640),
    "imagenet": (200, 12800),
    "ncf": (256, 32768),
    "yolov3": (8, 512),
}
NOISE = {
    "bert": (65.0, 3836.0),
    "cifar10": (6.3, 956.0),
    "deepspeech2": (8.3, 16017.0),
    "imagenet": (27.5, 890.0),
    "ncf": (621.0, 209170.0),
    "yolov3": (23.1, 634.0),
}
JOBS = {"bert": 15, "cifar10": 67, "deepspeech2": 16, "imagenet": 3, "ncf": 54, "yolov3": 5}


def jobs_of(apps: Sequence[str], noise: object, types: Sequence[str] = ("t4",), **columns: object) -> go.ElasticJobs:
    """One job for each name in ``apps``.

    noise: (J,) grad_var / grad_sqr, the noise scale in units of M0; types: accelerator types of the cluster;
    columns: further columns of ``ElasticJobs``. The local batch limits are the loosest of the types'.
    """
    perf = np.array([[PERF[kind][app] for kind in types] for app in apps]).reshape(len(apps), len(types), 9)
    batch = np.array([BATCH[app] for app in apps], dtype=np.int64).reshape(-1, 2)
    given = {
        "init_batch_size": batch[:, 0],
        "max_batch_size": batch[:, 1],
        "local_batch_min": perf[:, :, 7].min(axis=1),
        "local_batch_max": perf[:, :, 8].max(axis=1),
        "grad_sqr": np.ones(len(apps)),
        "grad_var": noise,
    }
    return go.ElasticJobs(
        [f"{app}-{number}" for number, app in enumerate(apps)], perf[:, :, :7], **{**given, **columns}
    )


def sample(
    jobs: int, nodes: int | Mapping[str, int], seed: int = 0, mix: str = "balanced", **columns: object
) -> go.ElasticInstance:
    """Jobs drawn from the six applications, each at a random point of its training.

    nodes: T4 nodes, or nodes of each type, {"t4": 12, "a100": 2}; mix: "balanced" (applications equally likely) or
    "philly" (as in the artifact's workload 6). The noise scale is log-uniform between the percentiles of NOISE.
    """
    if mix not in ("balanced", "philly"):
        raise go.UnknownName.among("mix", mix, ("balanced", "philly"))
    counts = {"t4": nodes} if isinstance(nodes, int) else dict(nodes)
    random = np.random.default_rng(seed)
    weight = np.array([JOBS[app] if mix == "philly" else 1.0 for app in APPS])
    apps = [APPS[i] for i in random.choice(len(APPS), jobs, p=weight / weight.sum())]
    low, high = np.log(np.array([NOISE[app] for app in apps]).reshape(-1, 2)).T
    noise = np.exp(random.uniform(low, high))
    per_node = [GPUS_PER_NODE[kind] for kind in counts]
    cluster = go.Cluster(list(counts), np.array(list(counts.values())) * per_node, per_node=per_node)
    return go.ElasticInstance(cluster, jobs_of(apps, noise, list(counts), **columns))
