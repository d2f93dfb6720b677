"""What reinforcement learning keeps."""

from __future__ import annotations

import collections
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.honest.people.shared import kept, read_back
from tests.honest.writers import File, Make, made, possible


def agent_files() -> Iterator[File]:
    """Reinforcement learning: saved agents, buffers, tables of values, spaces."""
    import gymnasium as gym
    import numpy as np
    import stable_baselines3 as sb3
    import torch
    from stable_baselines3.common import (
        buffers,
        env_util,
        noise,
        running_mean_std,
        type_aliases,
        utils,
        vec_env,
    )

    box = gym.spaces.Box(-1, 1, (3,))
    rng = np.random.default_rng(0)

    def agent(label: str, make: Make) -> Iterator[File]:
        model = made(make)
        with tempfile.TemporaryDirectory() as folder:
            model.save(Path(folder) / "model")
            if hasattr(model, "save_replay_buffer"):
                model.save_replay_buffer(Path(folder) / "replay.pkl")
            yield from read_back(Path(folder), label)
        out = io.BytesIO()
        torch.save(model.policy.state_dict(), out)
        yield File(f"{label}_policy.pth", out.getvalue())
        out = io.BytesIO()
        model.policy.save(out)
        yield File(f"{label}_policy_saved.pth", out.getvalue())

    arch = {"net_arch": [4]}
    agents: dict[str, Make] = {
        "ppo": lambda: sb3.PPO(
            "MlpPolicy",
            "CartPole-v1",
            n_steps=8,
            batch_size=4,
            n_epochs=1,
            policy_kwargs=dict(arch),
        ).learn(8),
        "a2c": lambda: sb3.A2C(
            "MlpPolicy", "CartPole-v1", policy_kwargs={**arch, "activation_fn": torch.nn.ReLU}
        ).learn(5),
        "dqn": lambda: sb3.DQN(
            "MlpPolicy", "CartPole-v1", buffer_size=20, policy_kwargs=dict(arch), learning_starts=4
        ).learn(8),
        "sac": lambda: sb3.SAC(
            "MlpPolicy", "Pendulum-v1", buffer_size=20, policy_kwargs=dict(arch), learning_starts=2
        ).learn(4),
        "td3": lambda: sb3.TD3(
            "MlpPolicy",
            "Pendulum-v1",
            buffer_size=20,
            policy_kwargs=dict(arch),
            action_noise=noise.NormalActionNoise(np.zeros(1), np.ones(1)),
        ),
    }
    yield from possible(agents, agent)

    def normalised(label: str, make: Make) -> Iterator[File]:
        out = made(make)
        out.reset()
        with tempfile.TemporaryDirectory() as folder:
            out.save(str(Path(folder) / "vecnormalize.pkl"))
            yield from read_back(Path(folder), label)

    environments: dict[str, Make] = {
        "normalised": lambda: vec_env.VecNormalize(
            env_util.make_vec_env("CartPole-v1", 1), clip_obs=5.0
        )
    }
    yield from possible(environments, normalised)

    def filled() -> Any:
        out = buffers.ReplayBuffer(6, box, gym.spaces.Discrete(2), device="cpu")
        for _ in range(4):
            out.add(
                rng.random(3),
                rng.random(3),
                np.array([1]),
                np.array([0.5]),
                np.array([False]),
                [{}],
            )
        return out

    things: dict[str, Make] = {
        "replay": filled,
        "replay_dict": lambda: buffers.DictReplayBuffer(
            4, gym.spaces.Dict({"a": box}), box, device="cpu"
        ),
        "rollout": lambda: buffers.RolloutBuffer(4, box, box, device="cpu"),
        "ou_noise": lambda: noise.OrnsteinUhlenbeckActionNoise(np.zeros(2), np.ones(2)),
        "running": lambda: running_mean_std.RunningMeanStd(shape=(3,)),
        "schedule": lambda: [utils.LinearSchedule(1.0, 0.1, 0.5), utils.ConstantSchedule(0.3)],
        "frequency": lambda: type_aliases.TrainFreq(4, type_aliases.TrainFrequencyUnit.STEP),
        "qtable": lambda: {(0, 1): np.zeros(4), (2, 3): np.array([0.1, 0.2, 0.0, 0.5])},
        "qtable_dict": lambda: collections.defaultdict(float, {((0, 0), "up"): 0.5}),
        "spaces": lambda: gym.spaces.Dict(
            a=box,
            b=gym.spaces.Tuple((gym.spaces.Discrete(3, seed=2), gym.spaces.MultiBinary(2))),
            c=gym.spaces.Text(5),
        ),
        "trajectories": lambda: [
            {
                "observations": rng.random((5, 3)).astype("f4"),
                "actions": rng.random((5, 1)),
                "rewards": rng.random(5),
                "dones": np.array([False] * 4 + [True]),
                "infos": [{"TimeLimit": True}],
            }
        ],
        "episodes": lambda: collections.deque([(rng.random(3), 1, -0.5)] * 3, maxlen=8),
        "spec": lambda: gym.spec("CartPole-v1"),
        "bandit": lambda: {"alpha": np.ones(3), "beta": np.ones(3), "rng": rng},
        "priority": lambda: {"tree": np.zeros(15), "heap": [(-0.5, 1), (-0.25, 2)], "beta": 0.4},
        "d4rl": lambda: collections.OrderedDict(
            terminals=np.zeros(3, bool), obs=rng.random((3, 2))
        ),
    }
    yield from possible({f"part_{n}": make for n, make in things.items()}, kept)
