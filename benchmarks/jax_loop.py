"""TD3+BC as public JAX implementations write it: pure functions, jitted, 8 updates
unrolled, members by vmap.

Data live on the device and minibatches are drawn inside the compiled function. Nothing
here is shared with the package. `td3bc_vs_jax` measures against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Layers = list[dict[str, jax.Array]]
"""Weight (inputs, outputs) and bias (outputs,) of each layer."""

UNROLLED = 8
"""Updates of one call."""
LEARNING_RATE, BETA1, BETA2, EPSILON = 3e-4, 0.9, 0.999, 1e-8
DISCOUNT, POLYAK, POLICY_DELAY = 0.99, 0.005, 2
TARGET_NOISE, NOISE_CLIP, ALPHA = 0.2, 0.5, 2.5


class Moments(NamedTuple):
    """What Adam remembers of one network."""

    mean: Any
    square: Any
    steps: jax.Array


class State(NamedTuple):
    """All that one agent's next update depends on."""

    actor: Layers
    actor_target: Layers
    actor_moments: Moments
    critics: tuple[Layers, Layers]
    critics_target: tuple[Layers, Layers]
    critic_moments: Moments
    key: jax.Array


def init(
    seed: int, sizes: tuple[int, int], hidden: Sequence[int], normalised: bool = False
) -> State:
    """A fresh agent for observations and actions of the given sizes; `normalised`: its
    critics' hidden layers."""
    observation, action = sizes
    key, *keys = jax.random.split(jax.random.key(seed), 4)
    actor = init_layers(keys[0], (observation, *hidden, action))
    critic_sizes = (observation + action, *hidden, 1)
    critics = (
        init_layers(keys[1], critic_sizes, normalised),
        init_layers(keys[2], critic_sizes, normalised),
    )
    return State(
        actor=actor,
        actor_target=jax.tree.map(jnp.copy, actor),
        actor_moments=init_moments(actor),
        critics=critics,
        critics_target=jax.tree.map(jnp.copy, critics),
        critic_moments=init_moments(critics),
        key=key,
    )


def init_layers(
    key: jax.Array, sizes: Sequence[int], normalised: bool = False
) -> Layers:
    """U(+-1/sqrt(inputs)), as torch.nn.Linear; hidden layers have scale and shift where
    they are normalised."""
    layers = []
    for inputs, outputs in pairwise(sizes):
        key, of_weight, of_bias = jax.random.split(key, 3)
        bound = inputs**-0.5
        weight = jax.random.uniform(
            of_weight, (inputs, outputs), minval=-bound, maxval=bound
        )
        bias = jax.random.uniform(of_bias, (outputs,), minval=-bound, maxval=bound)
        layers.append({"weight": weight, "bias": bias})
    for layer in layers[:-1] if normalised else []:
        layer["scale"], layer["shift"] = (
            jnp.ones_like(layer["bias"]),
            jnp.zeros_like(layer["bias"]),
        )
    return layers


def init_moments(parameters: Any) -> Moments:
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    return Moments(
        zeros, jax.tree.map(jnp.zeros_like, parameters), jnp.zeros((), jnp.int32)
    )


def mlp(layers: Layers, x: jax.Array) -> jax.Array:
    """ReLU between the layers, (B, outputs)."""
    for layer in layers[:-1]:
        x = x @ layer["weight"] + layer["bias"]
        if "scale" in layer:
            x = normal(x) * layer["scale"] + layer["shift"]
        x = jax.nn.relu(x)
    return x @ layers[-1]["weight"] + layers[-1]["bias"]


def normal(x: jax.Array) -> jax.Array:
    """Layer normalisation without scale and shift."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)


def act(actor: Layers, state: jax.Array) -> jax.Array:
    return jnp.tanh(mlp(actor, state))


def value(critic: Layers, state: jax.Array, action: jax.Array) -> jax.Array:
    return mlp(critic, jnp.concatenate([state, action], axis=-1)).squeeze(-1)


def adam(parameters: Any, gradient: Any, moments: Moments) -> tuple[Any, Moments]:
    """One step of Kingma & Ba (2015)."""
    steps = moments.steps + 1
    mean = jax.tree.map(
        lambda m, g: BETA1 * m + (1 - BETA1) * g, moments.mean, gradient
    )
    square = jax.tree.map(
        lambda v, g: BETA2 * v + (1 - BETA2) * g * g, moments.square, gradient
    )
    mean_scale, square_scale = 1 / (1 - BETA1**steps), 1 / (1 - BETA2**steps)

    def step(p: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
        return p - LEARNING_RATE * (m * mean_scale) / (
            jnp.sqrt(v * square_scale) + EPSILON
        )

    return jax.tree.map(step, parameters, mean, square), Moments(mean, square, steps)


def update_critics(
    state: State, batch: Mapping[str, jax.Array], noise: jax.Array
) -> tuple[State, jax.Array]:
    """L_Q = sum_i mean (Q_i - y)^2."""
    smoothing = jnp.clip(TARGET_NOISE * noise, -NOISE_CLIP, NOISE_CLIP)
    next_action = jnp.clip(
        act(state.actor_target, batch["next_state"]) + smoothing, -1, 1
    )
    first, second = (
        value(critic, batch["next_state"], next_action)
        for critic in state.critics_target
    )
    target = batch["reward"] + DISCOUNT * (1 - batch["terminal"]) * jnp.minimum(
        first, second
    )

    def loss(critics: tuple[Layers, Layers]) -> jax.Array:
        errors = [
            value(critic, batch["state"], batch["action"]) - target
            for critic in critics
        ]
        return sum(jnp.mean(error**2) for error in errors)

    found, gradient = jax.value_and_grad(loss)(state.critics)
    critics, moments = adam(state.critics, gradient, state.critic_moments)
    return state._replace(critics=critics, critic_moments=moments), found


def update_actor(
    state: State, batch: Mapping[str, jax.Array]
) -> tuple[State, jax.Array]:
    """L_pi = - lambda_Q mean Q_1(s, pi(s)) + MSE(pi(s), a); then the targets follow."""

    def loss(actor: Layers) -> jax.Array:
        action = act(actor, batch["state"])
        q = value(state.critics[0], batch["state"], action)
        weight = ALPHA / jax.lax.stop_gradient(jnp.abs(q).mean())
        return -weight * q.mean() + jnp.mean((action - batch["action"]) ** 2)

    found, gradient = jax.value_and_grad(loss)(state.actor)
    actor, moments = adam(state.actor, gradient, state.actor_moments)
    state = state._replace(actor=actor, actor_moments=moments)
    return state._replace(
        actor_target=follow(actor, state.actor_target),
        critics_target=follow(state.critics, state.critics_target),
    ), found


def follow(online: Any, target: Any) -> Any:
    """Polyak averaging."""
    return jax.tree.map(
        lambda p, p_target: POLYAK * p + (1 - POLYAK) * p_target, online, target
    )


def updates(
    state: State, data: Mapping[str, jax.Array], batch_size: int
) -> tuple[State, jax.Array]:
    """`UNROLLED` updates of one agent; the critics' last loss."""
    loss = jnp.zeros(())
    for k in range(1, UNROLLED + 1):
        key, of_rows, of_noise = jax.random.split(state.key, 3)
        state = state._replace(key=key)
        rows = jax.random.randint(of_rows, (batch_size,), 0, len(data["reward"]))
        batch = {name: column[rows] for name, column in data.items()}
        noise = jax.random.normal(of_noise, batch["action"].shape)
        state, loss = update_critics(state, batch, noise)
        if k % POLICY_DELAY == 0:
            state, _ = update_actor(state, batch)
    return state, loss


class Loop:
    """`members` agents on the same data."""

    def __init__(
        self,
        columns: Mapping[str, np.ndarray],
        members: int,
        hidden: Sequence[int],
        batch_size: int,
        normalised: bool = False,
    ) -> None:
        self._data = {name: jnp.asarray(column) for name, column in columns.items()}
        sizes = columns["state"].shape[1], columns["action"].shape[1]
        agents = [init(seed, sizes, hidden, normalised) for seed in range(members)]
        one = partial(updates, batch_size=batch_size)
        if members == 1:
            self._state, self._step = agents[0], jax.jit(one)
        else:
            self._state = jax.tree.map(lambda *leaves: jnp.stack(leaves), *agents)
            self._step = jax.jit(jax.vmap(one, in_axes=(0, None)))

    def perform(self, count: int) -> None:
        """`count` updates of every member, a multiple of `UNROLLED`."""
        for _ in range(count // UNROLLED):
            self._state, loss = self._step(self._state, self._data)
        jax.block_until_ready(loss)
