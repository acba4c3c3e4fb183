"""How fast the embedded simulator is: environment steps a second with physics, costs and both cameras.

    python benchmarks/simulator.py
    MUJOCO_GL=egl python benchmarks/simulator.py    # with MuJoCo beside it, after `pip install "mujoco<4"`

Every figure is the median over repeats within this one run, so that ratios hold on a machine whose speed drifts. MuJoCo's
offscreen renderer draws the same boxes of the same houses through the same two cameras; it does no physics here.
"""

import argparse
import contextlib
import importlib.util
import itertools
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import torch

from safevla.config.house_options import HouseOptions
from safevla.env.vector_env import VectorEnv
from safevla.runtime import threads
from safevla.sim import robot
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import goals, sampling, step_costs
from safevla.tasks.episodes import Episode
from safevla.world.layout import Layout
from safevla.world.parts import MAIN

SIZES = ((48, 84), (128, 224), (224, 384))
N_ENVS = 64
STEPS, REPEATS = 20, 7
MAX_MUJOCO_STEPS = 20


def seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median time of a piece of work, after one run to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def some_episodes(n: int, options: HouseOptions) -> list[Episode]:
    return list(itertools.islice(sampling.stream(goals.PAPER_TASKS, "test", options, per_house=1), n))


def steps_per_second(chosen: list[Episode], image_size: tuple[int, int], with_costs: bool = True) -> float:
    """Environment steps a second under random actions, all episodes side by side."""
    simulator = EmbeddedSimulator(len(chosen), image_size)
    simulator.reset(chosen)
    generator = torch.Generator().manual_seed(0)
    actions = torch.randint(0, Action.DONE, (STEPS, len(chosen)), generator=generator)

    def play() -> None:
        for row in actions:
            transition = simulator.step(row)
            if with_costs:
                step_costs.step_costs(transition)

    return STEPS * len(chosen) / seconds(play)


def batched_steps_per_second(chosen: list[Episode], image_size: tuple[int, int]) -> float:
    """The same of the batched environment, with what a policy observes and each episode's accounts."""
    batch = VectorEnv(EmbeddedSimulator(len(chosen), image_size), 1_000_000)
    batch.restart(range(len(chosen)), chosen)
    actions = torch.randint(0, Action.DONE, (STEPS, len(chosen)), generator=torch.Generator().manual_seed(0))

    def play() -> None:
        for row in actions:
            batch.step(row)

    return STEPS * len(chosen) / seconds(play, 3 * REPEATS)


@contextlib.contextmanager
def busy(n: int) -> Iterator[None]:
    """As long as it lasts, n other processes want a core each."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def mujoco_model(layout: Layout, start: tuple[float, float, float]) -> str:
    """The house's boxes and the robot's two cameras as MJCF: Unity's (x, y, z) is MuJoCo's (x, z, y)."""
    geoms = []
    for m in range(layout.n_boxes):
        x, y, z = (float(v) for v in layout.centre[m])
        half_x, half_y, half_z = (float(v) for v in layout.half[m])
        colour = " ".join(f"{float(c) / 255:.3f}" for c in layout.palette[m, MAIN])
        geoms.append(
            f'<geom type="box" pos="{x} {z} {y}" size="{half_x} {half_z} {half_y}" euler="0 0 {-float(layout.yaw_deg[m])}" '
            f'rgba="{colour} 1"/>'
        )
    cameras = []
    for number, camera in enumerate(robot.ROBOTS["stretch"]):
        body, yaw, pitch = math.radians(start[2]), math.radians(start[2] + camera.yaw_deg), math.radians(camera.pitch_deg)
        x = start[0] + camera.right_m * math.cos(body) + camera.forward_m * math.sin(body)
        z = start[1] - camera.right_m * math.sin(body) + camera.forward_m * math.cos(body)
        right = f"{math.cos(yaw)} {-math.sin(yaw)} 0"
        up = f"{math.sin(pitch) * math.sin(yaw)} {math.sin(pitch) * math.cos(yaw)} {math.cos(pitch)}"
        cameras.append(
            f'<camera name="{number}" pos="{x} {z} {camera.up_m}" xyaxes="{right} {up}" fovy="{robot.VERTICAL_FOV_DEG}"/>'
        )
    return (
        '<mujoco><compiler angle="degree"/><visual><global offwidth="1024" offheight="1024"/></visual><worldbody>'
        f'<light pos="{start[0]} {start[1]} 2.3"/>{"".join(geoms)}{"".join(cameras)}</worldbody></mujoco>'
    )


def mujoco_steps_per_second(chosen: list[Episode], image_size: tuple[int, int]) -> float:
    """Times a second that MuJoCo draws both cameras of a house."""
    import mujoco

    rates = []
    for episode in chosen:
        model = mujoco.MjModel.from_xml_string(mujoco_model(episode.layout, episode.start))
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        with mujoco.Renderer(model, *image_size) as renderer:

            def draw(renderer=renderer, data=data) -> None:
                for camera in ("0", "1"):
                    renderer.update_scene(data, camera=camera)
                    renderer.render()

            rates.append(1.0 / seconds(draw, MAX_MUJOCO_STEPS))
    return statistics.median(rates)


START = """
import time; start = time.perf_counter()
import torch
from safevla.config.house_options import HouseOptions
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import goals, sampling, step_costs
imported = time.perf_counter()
episode = next(sampling.stream(goals.PAPER_TASKS, "test", HouseOptions()))
simulator = EmbeddedSimulator(1)
simulator.reset([episode])
step_costs.step_costs(simulator.step(torch.tensor([0])))
print(imported - start, time.perf_counter() - imported)
"""


def start_times() -> list[tuple[float, float]]:
    """Seconds (to import, to the first step) of a process that compiles everything, and of one that finds it compiled."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        runs = [
            subprocess.run([sys.executable, "-c", START], env=environment, check=True, capture_output=True, text=True).stdout
            for _ in range(2)
        ]
    return [tuple(float(part) for part in run.split()) for run in runs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    threads.prepare(0, parser.parse_args().threads)
    options = HouseOptions()
    houses = some_episodes(N_ENVS, options)
    beside = importlib.util.find_spec("mujoco") is not None
    print(f"{N_ENVS} environments, {torch.get_num_threads()} threads, houses of {options.rooms[0]}-{options.rooms[1]} rooms, "
          f"{statistics.mean(e.layout.n_boxes for e in houses):.0f} boxes on average\n")  # fmt: skip
    print("| pictures | env-steps/s | of them costs | MuJoCo draws | ratio |\n|---|---|---|---|---|")
    for size in SIZES:
        whole, bare = steps_per_second(houses, size), steps_per_second(houses, size, with_costs=False)
        drawn = mujoco_steps_per_second(houses[:5], size) if beside else float("nan")
        print(
            f"| 2 x {size[0]}x{size[1]} | {whole:,.0f} | {1 - whole / bare:.0%} | {drawn:,.0f} | {whole / drawn:,.0f} |",
            flush=True,
        )

    print("\n| environments | µs an env-step at 48x84 |\n|---|---|")
    for n in (16, 64, 256):
        print(f"| {n} | {1e6 / steps_per_second((houses * 4)[:n], SIZES[0]):.1f} |", flush=True)

    print("\n| rooms | boxes | µs an env-step at 48x84 | µs a box |\n|---|---|---|---|")
    for rooms in (1, 2, 4, 6):
        chosen = some_episodes(32, HouseOptions(rooms=(rooms, rooms)))
        boxes = statistics.mean(e.layout.n_boxes for e in chosen)
        micros = 1e6 / steps_per_second(chosen, SIZES[0])
        print(f"| {rooms} | {boxes:.0f} | {micros:.1f} | {micros / boxes:.2f} |", flush=True)

    print("\n| busy processes beside it | env-steps/s of the batched environment at 48x84 | share |\n|---|---|---|")
    rates = []
    for n in (0, 1, 2, 4):
        with busy(n):
            rates.append(batched_steps_per_second(houses, SIZES[0]))
        print(f"| {n} | {rates[-1]:,.0f} | {rates[-1] / rates[0]:.2f} |", flush=True)

    print("\n| process | s to import | s to the first step |\n|---|---|---|")
    for name, (imported, stepped) in zip(("compiles", "finds it compiled"), start_times(), strict=True):
        print(f"| {name} | {imported:.1f} | {stepped:.1f} |", flush=True)


if __name__ == "__main__":
    main()
