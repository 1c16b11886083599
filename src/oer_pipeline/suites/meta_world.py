"""Meta-World (Yu et al. 2020), one of its `-v3` tasks; suites after Continual World
(Wolczyk et al. 2021).

Meta-World is an extra, imported only where one of its tasks is used.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.mujoco_physics import draw_without_a_screen, is_finite
from oer_pipeline.suites.physics import Physics, Transition

GOALS = 50
"""Goals to collect on, as many as Meta-World gives a task; as many others to evaluate
on."""
FRAME = 18
"""Observation dimensions of one frame: hand 3, gripper 1, objects 14."""
CAMERA = "corner3"
UPRIGHT = (1.0, 0.0, 1.0, 0.0)
"""How the hand is turned, always."""
KINEMATICS = (
    "xpos",
    "xquat",
    "xmat",
    "geom_xpos",
    "geom_xmat",
    "site_xpos",
    "site_xmat",
)
"""Where things are, as the last step left it: what tasks read before MuJoCo computes it
anew."""
INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION
MOVED = ("body_pos", "body_quat", "site_pos")
"""What a task changes of the model when an episode starts."""


def meta_world(module: str = "metaworld.env_dict") -> Any:
    """A module of Meta-World.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            "the suite's tasks are Meta-World's, which is not installed here"
            f" ({error}): pip install 'oer_pipeline[metaworld]'"
        ) from error


@dataclass
class Episode:
    """One episode in progress: Meta-World's own environment, on a simulation that all
    episodes of the task share.

    `moved` and `parked` are what the episode made of the model, and where the
    simulation was when another episode went on.
    """

    env: Any = None
    observation: FloatArray = field(default_factory=lambda: np.empty(0))
    reward: float = 0.0
    moved: Mapping[str, FloatArray] = field(default_factory=dict)
    parked: FloatArray = field(default_factory=lambda: np.empty(0))


class MetaWorld(Physics):
    """Meta-World's reward (0 to 10 a step) and success; never terminal.

    Observation (39): this frame (18), the last frame (18), the goal (3). An episode's
    start is one of the task's `GOALS`, drawn evenly: where the objects lie and where
    the goal is. Evaluation starts from as many others (`held_out`). Meta-World's own
    `set_task` would unpickle; the start is set as it would set it.

    Raises:
        ConfigurationError: no such task, or no Meta-World.
    """

    observation_size = 2 * FRAME + 3
    action_size = 4
    has_success = True
    scripted = True
    libraries = ("metaworld",)
    repeated = tuple(range(FRAME, 2 * FRAME))
    dt = 0.0125  # seconds of a step

    def __init__(self, env_name: str) -> None:
        known = meta_world().ALL_V3_ENVIRONMENTS
        if env_name not in known:
            raise ConfigurationError(
                f"env_name is {env_name!r}; {choices(known, str(env_name))}"
            )
        self.env_name = env_name
        self._first_goal = 0

    def held_out(self) -> MetaWorld:
        other = MetaWorld(self.env_name)
        other._first_goal = GOALS
        return other

    @cached_property
    def _simulator(self) -> Simulator:
        return simulator(self.env_name)

    def new_state(self) -> Episode:
        return Episode()

    def reset(self, state: Episode, generator: np.random.Generator) -> None:
        simulator = self._simulator
        number = int(generator.integers(GOALS))
        goal = simulator.goal(self._first_goal + number)
        simulator.start(state, goal)

    def observe(self, state: Episode) -> FloatArray:
        return state.observation

    def step(self, state: Episode, action: FloatArray) -> Transition:
        simulator = self._simulator
        simulator.resume(state)
        # Meta-World's arithmetic is the one that float32 actions get.
        clipped = action.clip(-1.0, 1.0)
        applied = clipped.astype(np.float32)
        observation = simulator.advance(state.env, applied)
        reward, info = state.env.evaluate_state(observation, applied)
        state.observation = observation
        state.reward = float(reward)
        success = bool(info["success"])
        return Transition(state.reward, terminal=False, success=success)

    def is_sound(self, state: Episode) -> bool:
        self._simulator.resume(state)
        if not np.isfinite(state.observation).all():
            return False
        if not math.isfinite(state.reward):
            return False
        return is_finite(state.env.data)

    def picture(
        self,
        state: Episode,
        width: int,
        height: int,
    ) -> NDArray[np.uint8]:
        self._simulator.resume(state)
        model = self._simulator.model
        draw_without_a_screen()
        mujoco.mj_fwdPosition(model, state.env.data)
        with mujoco.Renderer(model, height, width) as renderer:
            renderer.update_scene(state.env.data, CAMERA)
            return np.asarray(renderer.render())


class HandAtStart(NamedTuple):
    """The simulation with the hand at its start: MuJoCo's state, its kinematics, the
    middle between the fingers (tool centre point, 3)."""

    state: FloatArray
    kinematics: Mapping[str, FloatArray]
    tcp: FloatArray


@cache
def simulator(env_name: str) -> Simulator:
    """The one simulator of a task in this process: its model takes 20 MB, its making up
    to 0.3 s."""
    return Simulator(env_name)


class Simulator:
    """A task's model and data, and what is known of its starts.

    Episodes take turns in them: MuJoCo's state is put back when another one goes on,
    and the parts of the model that the task moved at its start. That is exact, because
    a step computes everything else from the state; and it is faster than data for every
    episode, which no cache would hold.
    """

    def __init__(self, env_name: str) -> None:
        task = meta_world().ALL_V3_ENVIRONMENTS[env_name]
        self._name = env_name
        self._class = _sharing(task, self)
        self._running: Episode | None = None
        self._hands: dict[bytes, HandAtStart] = {}
        self._goals: dict[int, FloatArray] = {}
        self.model: Any = None
        self._data: Any = None
        self._pristine: dict[str, FloatArray] = {}

    def simulation(self, path: str) -> tuple[mujoco.MjModel, mujoco.MjData]:
        """The model as its file has it, read once, and its data as if new."""
        if self.model is None:
            self.model = mujoco.MjModel.from_xml_path(path)
            # A simulation that diverges has to be seen, not begun anew.
            self.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
            self._data = mujoco.MjData(self.model)
            self._pristine = self._moved()
        self._move(self._pristine)
        mujoco.mj_resetData(self.model, self._data)
        return self.model, self._data

    def start(self, state: Episode, goal: FloatArray) -> None:
        """Begin an episode in an environment of its own: some tasks remember their last
        one."""
        self._park()
        env = self._new_env()
        env._freeze_rand_vec = True
        env._last_rand_vec = goal.copy()
        state.observation, _ = env.reset()
        state.env = env
        state.reward = 0.0
        state.moved = self._moved()
        self._running = state

    def advance(self, env: Any, action: FloatArray) -> FloatArray:
        """What Meta-World's `step` does up to the observation, which is returned, under
        an action within +-1."""
        data = self._data
        movement = action[:3] * env.action_scale
        hand = data.mocap_pos[0] + movement
        data.mocap_pos[0] = _clipped(hand, env.mocap_low, env.mocap_high)
        data.mocap_quat[0] = UPRIGHT
        grip = action[3]
        data.ctrl[:] = grip, -grip
        mujoco.mj_step(self.model, data, env.frame_skip)
        for name, place in env._target_site_config:
            data.site(name).xpos = place[:3]
        mujoco.mj_forward(self.model, data)
        space = env.sawyer_observation_space
        observation = _clipped(env._get_obs(), space.low, space.high)
        env._last_stable_obs = observation
        return observation

    def resume(self, state: Episode) -> None:
        """Let an episode go on."""
        if self._running is not state:
            self._park()
            self._move(state.moved)
            mujoco.mj_setState(self.model, self._data, state.parked, INTEGRATION)
            self._running = state

    def _park(self) -> None:
        """Keep the state of the episode that is going on, if there is one."""
        if self._running is not None:
            self._running.parked = self._state(self._data)
            self._running = None

    def goal(self, number: int) -> FloatArray:
        """The `number`-th start of the task's list, as Meta-World draws it with the
        seed (task, number)."""
        if number not in self._goals:
            self._park()
            env = self._new_env()
            key = zlib.crc32(self._name.encode())
            generator = np.random.default_rng((key, number))
            env.np_random = generator
            env._freeze_rand_vec = False
            env.seeded_rand_vec = True
            env.reset_model()
            self._goals[number] = env._last_rand_vec
        return self._goals[number]

    def reset_hand(self, env: Any, simulate: Callable[[], None]) -> None:
        """Move the hand to its start: simulated once from each state, of which there
        are few."""
        data = env.data
        target = np.asarray(env.hand_init_pos, dtype=np.float64)
        state = self._state(data)
        moved = self._moved().values()
        everything = (state, target, *moved)
        key = b"".join(array.tobytes() for array in everything)
        if key not in self._hands:
            simulate()
            kinematics = {}
            for name in KINEMATICS:
                places = getattr(data, name)
                kinematics[name] = places.copy()
            state = self._state(data)
            self._hands[key] = HandAtStart(state, kinematics, env.init_tcp)
            return
        hand = self._hands[key]
        mujoco.mj_setState(self.model, data, hand.state, INTEGRATION)
        for name, values in hand.kinematics.items():
            places = getattr(data, name)
            places[:] = values
        env.init_tcp = hand.tcp.copy()

    def _new_env(self) -> Any:
        env = self._class()
        env._set_task_called = True
        env._partially_observable = False
        del env.sawyer_observation_space  # cached without the goal
        return env

    def _state(self, data: mujoco.MjData) -> FloatArray:
        """All that the simulation's future depends on."""
        state = np.empty(self._state_size)
        mujoco.mj_getState(self.model, data, state, INTEGRATION)
        return state

    @cached_property
    def _state_size(self) -> int:
        return int(mujoco.mj_stateSize(self.model, INTEGRATION))

    def _moved(self) -> dict[str, FloatArray]:
        """A copy of the parts of the model that tasks change."""
        parts = {}
        for name in MOVED:
            part = getattr(self.model, name)
            parts[name] = part.copy()
        return parts

    def _move(self, parts: Mapping[str, FloatArray]) -> None:
        """Put these parts of the model where a copy has them."""
        for name, values in parts.items():
            part = getattr(self.model, name)
            part[:] = values


def one_frame(env: Any) -> FloatArray:
    """Hand (3), how far the gripper is open (1), objects (14): as Meta-World puts them
    together.

    A third of a step's time went into its own way to do that.
    """
    right = env.data.body("rightclaw").xpos
    left = env.data.body("leftclaw").xpos
    apart = right - left
    distance = math.sqrt(apart.dot(apart))
    opening = distance / 0.1
    frame = np.zeros(FRAME)
    frame[:3] = env.get_endeff_pos()
    frame[3] = min(max(opening, 0.0), 1.0)
    positions = env._get_pos_objects()  # 3 numbers per object
    quaternions = env._get_quat_objects()  # 4 numbers per object
    objects = len(positions) // 3
    for number in range(objects):
        part = frame[4 + 7 * number :]
        position = positions[3 * number :]
        quaternion = quaternions[4 * number :]
        part[:3] = position[:3]
        part[3:7] = quaternion[:4]
    return frame


def _clipped(
    values: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> FloatArray:
    """np.clip, which takes longer for a few numbers."""
    clipped = np.maximum(values, low)
    return np.asarray(np.minimum(clipped, high))


def pressing(data: mujoco.MjData, one: int, other: int) -> bool:
    """Whether two geoms press on one another."""
    geoms = data.contact.geom  # (contacts, 2)
    same_order = geoms == (one, other)
    other_order = geoms == (other, one)
    touching = (same_order | other_order).all(axis=1)
    if not touching.any():
        return False
    rows = data.contact.efc_address[touching]
    force = data.efc_force[rows].sum()
    return bool(force > 0.0)


def _sharing(task: type[Any], simulator: Simulator) -> type[Any]:
    """Meta-World's class of a task, on the simulator's model and without its
    detours."""

    class Sharing(task):  # type: ignore[misc]
        def _initialize_simulation(self) -> tuple[mujoco.MjModel, mujoco.MjData]:
            return simulator.simulation(self.fullpath)

        def _step_mujoco_simulation(self, ctrl: Any, n_frames: int) -> None:
            self.data.ctrl[:] = ctrl
            mujoco.mj_step(self.model, self.data, nstep=n_frames)

        def _reset_hand(self, steps: int = 50) -> None:
            simulator.reset_hand(self, lambda: task._reset_hand(self, steps))

        def _get_curr_obs_combined_no_goal(self) -> FloatArray:
            return one_frame(self)

        def touching_object(self, object_geom_id: int) -> bool:
            data = self.data
            left = data.geom("leftpad_geom").id
            right = data.geom("rightpad_geom").id
            if not pressing(data, left, object_geom_id):
                return False
            return pressing(data, right, object_geom_id)

    return Sharing
