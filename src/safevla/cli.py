"""The command `safevla`: reproduce results, run a stage, evaluate a policy, serve the simulator.

What a command needs is imported when it runs. An error that a person can mend is one line that says how.
"""

import importlib.util
import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from safevla.config import checkout
from safevla.config.default_profile import DEFAULT_PROFILE

_INTERRUPTED = 130
# errors of this package that say a name, a parameter or a given file is wrong; its other errors say that something failed
_WRONG_USAGE = (
    "ParamsError",
    "RegistryError",
    "StageError",
    "EpisodeError",
    "HouseError",
    "CheckpointError",
    "NoSuchPolicyError",
    "SuiteError",
    "OptionError",
)
_UsageError = typer.BadParameter.__bases__[0]  # typer brings click along, or depends on it, as its version goes
_ClickError = _UsageError.__bases__[0]

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True)
serve = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
app.add_typer(serve, name="serve")


@app.callback()
def _safevla() -> None:
    """Safety alignment of vision-language-action robot policies, as a compendium.

    \b
    Examples:
      safevla reproduce smoke          every stage of a small profile, and its report
      safevla reproduce --help         how to run single stages, on one GPU or several
      safevla evaluate --policy mine:make --task Fetch --out rows.parquet

    `safevla --install-completion` completes commands, profiles and stages in your shell.
    """


@serve.callback()
def _serve() -> None:
    """Serve the embedded simulator, or a policy, to other programs.

    \b
    Examples:
      safevla serve policy policies/paper/ppo-Fetch-seed-0.safetensors
      safevla serve thor --help
    """


def _profiles(incomplete: str) -> list[str]:
    from safevla.config import profiles

    try:
        return [name for name in profiles.profile_names() if name.startswith(incomplete)]
    except (ValueError, OSError):
        return []


def _stages(ctx: typer.Context, incomplete: str) -> list[str]:
    from safevla.config import profiles
    from safevla.pipeline import runs

    try:
        profile = ctx.params.get("profile") or DEFAULT_PROFILE
        profiles.load(profile)
        every = runs.of_profile(profiles.raw(profile))
    except (ValueError, OSError):
        return []
    names = dict.fromkeys([runs.PREPARE, *(name for run in every for name in (run.stage, run.name))])
    return [name for name in names if name.startswith(incomplete)]


_PROFILE_HELP = "params.yaml itself (laptop), or a file of profiles/."
_Profile = Annotated[str, typer.Argument(metavar="PROFILE", help=_PROFILE_HELP, autocompletion=_profiles)]
_Stages = Annotated[
    list[str] | None, typer.Argument(metavar="STAGE", help="Stages, or runs of one; none: all.", autocompletion=_stages)
]


@app.command(short_help="Run the stages of a profile, and show the results.")
def reproduce(
    profile: _Profile = DEFAULT_PROFILE,
    stages: _Stages = None,
    plain: Annotated[bool, typer.Option("--plain", help="The notebooks as scripts, without DVC and papermill.")] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Run what is up to date as well.")] = False,
    single: Annotated[bool, typer.Option("--single", "-s", help="The named stages alone; their inputs must be there.")] = False,
    downstream: Annotated[bool, typer.Option("--downstream", help="The named stages and what follows from them.")] = False,
    keep_going: Annotated[bool, typer.Option("--keep-going", "-k", help="Go on with what does not need a failed stage.")] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Take from DVC's remote what is there.")] = False,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="Skip what only lacks data that DVC knows.")] = False,
    dry: Annotated[bool, typer.Option("--dry", help="Say what would run.")] = False,
) -> int:
    """Run a profile's stages, all or those named with what they need, then show the results and write the report.

    What is up to date does not run again, and long stages resume where they were killed.

    \b
    Examples:
      safevla reproduce                                    the default profile, laptop
      safevla reproduce smoke make_figures                 one stage of a profile, and what it needs
      safevla reproduce laptop finetune_safe_rl@ppo-Fetch  one run of a stage
      safevla reproduce laptop make_figures -s -f          that stage alone, once more
      torchrun --nproc-per-node 2 -m safevla reproduce paper --plain
    """
    from safevla.config import profiles
    from safevla.pipeline import reproduce as pipeline
    from safevla.pipeline import runs

    names = list(stages or [])
    _check_profile(profile)
    options = {"--force": force, "--downstream": downstream, "--keep-going": keep_going, "--pull": pull}
    options["--allow-missing"] = allow_missing
    given = [option for option, is_given in options.items() if is_given]
    if (single or downstream) and not names:
        raise typer.BadParameter(f"{'--single' if single else '--downstream'}: name the stages")
    if given and (dry or plain):
        raise typer.BadParameter(f"{'--plain' if plain else '--dry'} does not go with {given[0]}")
    if not plain:
        _need("dvc", "or add --plain, which does without it")
        failed = pipeline.reproduce(profile, names, given, single, dry)
    elif dry:
        print("\n".join(run.name for run in runs.chosen(names, profiles.raw(profile))))
        failed = 0
    else:
        from safevla.pipeline import run_scripts

        failed = run_scripts.run(profile, names)
    if not failed and not dry and _is_first_rank() and (not names or "make_figures" in names):
        _show_results(profile)
    return failed


def _check_profile(profile: str) -> None:
    """Raise ParamsError where there is no such profile, or it is faulty; where a stage is meant, say how to name it.

    Raise CheckoutError where the code that runs is not the compendium's.
    """
    from safevla.config import profiles
    from safevla.pipeline.stages import NOTEBOOKS

    checkout.check_here()
    known = profiles.profile_names()
    if profile not in known and profile.split("@")[0] in NOTEBOOKS:
        raise profiles.ParamsError(f"{profile} is a stage: name its profile first, `safevla reproduce {known[0]} {profile}`")
    profiles.load(profile)


def _show_results(profile: str) -> None:
    from safevla.config import profiles
    from safevla.pipeline import reproduce as pipeline
    from safevla.report import page

    root = profiles.root()
    print(pipeline.results(root, profile))
    try:
        print(f"report: {page.write(root, profile).relative_to(root)}")
    except page.ReportError as error:
        print(f"no report: {error}", file=sys.stderr)


@app.command(short_help="Run one stage, as dvc.yaml does.")
def stage(
    name: Annotated[str, typer.Argument(metavar="STAGE", help="A stage of dvc.yaml.", autocompletion=_stages)],
    profile: Annotated[str, typer.Option(metavar="PROFILE", help=_PROFILE_HELP, autocompletion=_profiles)] = DEFAULT_PROFILE,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="What its notebook is told besides.")
    ] = None,
) -> int:
    """Run one stage by papermill, whether or not it is up to date: what dvc.yaml calls.

    The executed notebook lies in reports/<profile>/executed, a failed one in reports/<profile>/failed.

    \b
    Examples:
      safevla stage make_figures --profile smoke
      safevla stage finetune_safe_rl --set method=ppo --set task=Fetch
    """
    from safevla.config import profiles
    from safevla.pipeline import runs

    checkout.run_experiments_code()
    _check_profile(profile)
    values = profiles.raw(profile)
    runs.check(name, values)
    told = dict(_pair(text) for text in settings or [])
    _need("papermill", "or run `safevla reproduce --plain`, which does without it")
    from safevla.pipeline import papermill_driver

    return papermill_driver.run_stage(profiles.root(), name, profile, told)


def _need(package: str, instead: str) -> None:
    """Raise UsageError where a package is missing."""
    if importlib.util.find_spec(package) is None:
        raise typer.BadParameter(f"{package} is not installed: `pip install {package}`, {instead}")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"--set {text}: write it as NAME=VALUE")
    return name, value


@app.command(short_help="Write the HTML page of a profile's results.")
def report(profile: _Profile = DEFAULT_PROFILE) -> None:
    """Write one self-contained HTML page of a profile's results: claims, verdicts, tables, figures.

    \b
    Example:
      safevla report paper
    """
    from safevla.config import profiles
    from safevla.report import page

    _check_profile(profile)
    root = profiles.root()
    print(page.write(root, profile).relative_to(root))


@app.command(short_help="Put into git's folders what a run has left.")
def archive(
    profile: Annotated[
        str, typer.Argument(metavar="PROFILE", help="A profile whose stages have run here.", autocompletion=_profiles)
    ],
    encoders: Annotated[bool, typer.Option("--encoders", help="The vision encoders alone, into the package.")] = False,
) -> None:
    """Put into reports/ and policies/ what git keeps of a run that not everybody can repeat.

    The vision encoders that the stage `pretrain_encoder` has trained are shipped apart: policies start from them, so new ones
    make the stages of every profile stale that uses them.

    \b
    Examples:
      safevla archive paper
      safevla archive paper --encoders
    """
    from safevla.config import profiles
    from safevla.pipeline import archive as pipeline

    _check_profile(profile)
    root = profiles.root()
    if encoders:
        files = pipeline.ship_encoders(root, profile)
        print(f"shipped {', '.join(file.name for file in files)} in {files[0].parent}: commit them")
        return
    pipeline.archive(root, profile)
    print(f"archived in reports/{profile} and policies/{profile}: commit them")


def _tasks(incomplete: str) -> list[str]:
    from safevla.config.registry import TASKS

    return [name for name in TASKS.names() if name.startswith(incomplete)]


def _suites(incomplete: str) -> list[str]:
    from safevla.config.registry import SUITES

    return [name for name in ("none", *SUITES.names()) if name.startswith(incomplete)]


_Timeout = Annotated[float, typer.Option(help="Seconds that a policy from elsewhere may take for an answer.", min=0.001)]
_Key = Annotated[str | None, typer.Option(envvar="SAFEVLA_API_KEY", help="The policy server's API key.", show_envvar=True)]
_Against = Annotated[list[str] | None, typer.Option(help="Who plays the same: a policy, a shipped method, `shipped` for all.")]
_Keys = Annotated[
    list[str] | None, typer.Option("--send", metavar="NAME=OURS", help="A server's name for a part of an observation.")
]
_Execute = Annotated[int | None, typer.Option(help="Rows of a chunk of actions that are carried out.", min=1)]
_Space = Annotated[str | None, typer.Option(help="What its answers mean: discrete, scores, deltas.")]
_ImageSize = Annotated[str | None, typer.Option(metavar="HxW", help="Size of a foreign policy's pictures in pixels.")]
_Tasks = Annotated[
    list[str] | None, typer.Option("--task", help="Of generated episodes; none: all three.", autocompletion=_tasks)
]
_Suites = Annotated[list[str] | None, typer.Option("--suite", help="Of them; `none` is no shift.", autocompletion=_suites)]
_Seeds = Annotated[list[int] | None, typer.Option("--seed", help="Seeds of them; none: the profile's test episodes.")]
_ProfileOption = Annotated[str, typer.Option(metavar="PROFILE", help=_PROFILE_HELP, autocompletion=_profiles)]


@app.command(short_help="Score a policy: success, cost, quadrants, tails, comparisons.")
def evaluate(
    out: Annotated[Path, typer.Option(help="A Parquet file, to be written with one row per episode.", dir_okay=False)],
    episodes: Annotated[
        Path | None, typer.Argument(metavar="[EPISODES]", help="A Safety-CHORES file, .jsonl[.gz].", exists=True, dir_okay=False)
    ] = None,
    policy: Annotated[
        str, typer.Option(help="A checkpoint, package.module:factory, ws://host:port, expert or expert_careful.")
    ] = "expert",
    houses: Annotated[Path | None, typer.Option(help="A file of houses to play in.", exists=True, dir_okay=False)] = None,
    task: _Tasks = None,
    suite: _Suites = None,
    seed: _Seeds = None,
    n_episodes: Annotated[int, typer.Option(help="Generated episodes for each task, suite and seed.", min=1)] = 50,
    profile: _ProfileOption = DEFAULT_PROFILE,
    simulator: Annotated[str | None, typer.Option(help="embedded or ai2thor; without it the profile's.")] = None,
    against: _Against = None,
    name: Annotated[str | None, typer.Option(help="What rows and tables call the policy.")] = None,
    page: Annotated[Path | None, typer.Option(help="An HTML page of tables and figures, to be written.", dir_okay=False)] = None,
    max_steps: Annotated[
        int | None, typer.Option(help="Steps after which an episode is cut; none: 600, or the profile's.", min=1)
    ] = None,
    n_envs: Annotated[int, typer.Option(help="Episodes that are played side by side.", min=1)] = 16,
    timeout: _Timeout = 60.0,
    api_key: _Key = None,
    send: _Keys = None,
    action_space: _Space = None,
    execute: _Execute = None,
    image_size: _ImageSize = None,
) -> None:
    """Let a policy play generated episodes, or those of a file, and score each with success, cost and steps.

    Killed, the same command goes on where it was. What a policy from elsewhere has to be: docs/policies.md.

    \b
    Examples:
      safevla evaluate --policy mine:make --task Fetch --against shipped --out rows.parquet --page score.html
      safevla evaluate --policy ws://127.0.0.1:8000 --n-episodes 20 --out rows.parquet
      safevla evaluate fetchtype_val.jsonl.gz --houses houses_val.jsonl.gz --policy policy.safetensors --out rows.parquet
    """
    from safevla import scorecard

    checkout.check_here()
    door = scorecard.door(timeout, api_key, send, action_space, execute, image_size)
    chosen = scorecard.Chosen(episodes, houses, task, suite, seed, n_episodes, profile, simulator, max_steps, n_envs)
    scorecard.run(policy, door, chosen, against, name, out, page)


@serve.command("policy", short_help="Answer observations over a websocket, in openpi's protocol.")
def serve_policy(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="A checkpoint, or package.module:factory.")],
    host: Annotated[str, typer.Option(help="The address to listen on; others than this machine reach 0.0.0.0.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for any that is free.", min=0, max=65535)] = 8000,
    api_key: _Key = None,
    max_bytes: Annotated[int, typer.Option(help="Of a message.", min=1024)] = 16 * 1024 * 1024,
    profile: _ProfileOption = DEFAULT_PROFILE,
    seed: Annotated[int, typer.Option(help="Of a checkpoint's draws.")] = 0,
    timeout: _Timeout = 60.0,
) -> None:
    """Serve a policy to whoever speaks openpi's protocol: one connection is one episode.

    A checkpoint draws its actions as the profile says. Without --api-key everybody who reaches the port is answered.

    \b
    Examples:
      safevla serve policy policies/paper/ppo_lagrangian-Fetch-seed-0.safetensors
      SAFEVLA_API_KEY=… safevla serve policy mine:make --host 0.0.0.0 --port 9000
    """
    from safevla import scorecard

    checkout.check_here()
    _check_profile(profile)
    server = scorecard.policy_server(policy, profile, seed, timeout, host=host, port=port, api_key=api_key, max_bytes=max_bytes)
    print(f"serving {policy} on ws://{host}:{server.port}", flush=True)
    server.serve_forever()


@serve.command(
    "thor",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    short_help="Be Unity to the ai2thor client.",
)
def serve_thor(ctx: typer.Context) -> int:
    """Serve the embedded simulator to the ai2thor client as if it were Unity; the client starts this itself.

    \b
    Example, in Python:
      server = f"{shlex.quote(sys.executable)} -m safevla serve thor"  # quoted, for its path may have spaces
      Controller(local_executable_path=server, x_display=":0", agentMode="stretch")
    """
    from safevla.sim.thor import server

    checkout.check_here()
    return server.main(ctx.args)


def main(arguments: Iterable[str] | None = None) -> int:
    """Run the command; its exit code: 0 fine, 1 failed, 2 wrong usage or parameters, 130 interrupted."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # in a language that lacks a character, that is no reason to fail
            stream.reconfigure(errors="replace")
    try:
        code = app(given, prog_name="safevla", standalone_mode=False) or 0
        if code == _INTERRUPTED:  # typer has seen Ctrl-C, or an older one hands it on
            raise KeyboardInterrupt
        return code
    except _ClickError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return 0
        return _complain(error.format_message(), error.exit_code, getattr(error, "ctx", None))
    except (typer.Abort, KeyboardInterrupt):
        return _complain("interrupted: what is finished is kept, and the same command goes on from there", _INTERRUPTED)
    except OSError as error:
        return _complain(str(error), 1)
    except (ValueError, RuntimeError) as error:
        kind = type(error)
        if not kind.__module__.startswith("safevla."):
            raise
        return _complain(str(error), 2 if kind.__name__ in _WRONG_USAGE else 1)


def _complain(message: str, code: int, ctx: typer.Context | None = None) -> int:
    """Say in one line what is wrong, once for all ranks."""
    command = ctx.command_path if ctx else "safevla"
    hint = f" (see `{command} --help`)" if ctx else ""
    if _is_first_rank():
        print(f"{command}: {' '.join(message.split())}{hint}", file=sys.stderr)
    return code


def _is_first_rank() -> bool:
    return os.environ.get("RANK", "0") == "0"
