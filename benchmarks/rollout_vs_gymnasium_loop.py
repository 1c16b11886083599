"""Steps per second of an evaluation, policy included, one core, over a plain loop with gymnasium's own half-cheetah.

Three members of 128-128 and ten episodes each, as the default size evaluates; the loop steps one environment at a time
and asks a torch module for every action, as published evaluation code does.
"""

from __future__ import annotations

import warnings

import torch

from benchmarks.figure import Figure
from benchmarks.made_up import ACTION, OBSERVATION, one_thread, trajectories
from benchmarks.plain import Actor
from benchmarks.timing import ratio
from oer_pipeline.learners.er import Finetune
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.suites.evaluation import evaluate
from oer_pipeline.suites.suite import Suite

SEEDS, EPISODES, HORIZON, HIDDEN = (0, 1, 2), 10, 200, (128, 128)
LOOP_EPISODES = 5
GYMNASIUM_OBSERVATION = 17


def measure() -> Figure:
    one_thread()
    config = {"family": "cheetah_vel", "horizon": HORIZON, "tasks": [{"target_velocity": 1.5}]}
    task = Suite.from_config("benchmark", config).tasks[0]
    data = trajectories(2_000)
    assert (data.observation.shape[1], data.action.shape[1]) == (OBSERVATION, ACTION)
    policies = Finetune(LearnerSettings(hidden=HIDDEN), data, (), None, SEEDS).result()

    def ours() -> None:
        evaluate([task], lambda _, o: policies.deployed_action(1, o), len(SEEDS), EPISODES, "benchmark")

    steps = {"ours": len(SEEDS) * EPISODES * HORIZON, "theirs": LOOP_EPISODES * HORIZON}
    faster = steps["ours"] / steps["theirs"] / ratio(ours, gymnasium_loop, rounds=5)
    return Figure("rollout_vs_gymnasium_loop", faster, 1.5, "higher")


def gymnasium_loop() -> None:
    """One episode after another; gymnasium's half-cheetah takes the same physics steps."""
    import gymnasium

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        environment = gymnasium.make("HalfCheetah-v5", max_episode_steps=HORIZON)
    actor = Actor(GYMNASIUM_OBSERVATION, ACTION, HIDDEN)
    for episode in range(LOOP_EPISODES):
        observation, _ = environment.reset(seed=episode)
        over = False
        while not over:
            with torch.no_grad():
                state = torch.FloatTensor(observation.reshape(1, -1))
                action = actor(state, 1).cpu().numpy().flatten()
            observation, _, terminated, truncated, _ = environment.step(action)
            over = terminated or truncated
