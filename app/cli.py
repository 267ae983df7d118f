"""The command line: run the house, look after it, and make a beat through its API."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from app import config, logs
from app.config import BadSettings, Settings
from app.deps import Deps
from services.errors import Invalid, ServiceError

Command = Callable[[argparse.Namespace, Settings], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    args = _parser().parse_args(argv)
    try:
        settings = config.load()
    except BadSettings as err:
        print(f"settings: {err}", file=sys.stderr)
        return 2
    logs.configure(settings.log_level)
    command: Command = args.run
    if command is not _doctor and (wrong := _unwritable(settings)):
        print(wrong, file=sys.stderr)
        return 2
    try:
        return command(args, settings)
    except ServiceError as err:
        print(err.message, file=sys.stderr)
        return 1


def _unwritable(settings: Settings) -> str:
    """Why DATA_DIR cannot be used, in a sentence; empty when it can."""
    try:
        settings.run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        return f"DATA_DIR {settings.data_dir} cannot be made: {err.strerror}. Set DATA_DIR to a folder of yours."
    if not os.access(settings.run_dir, os.W_OK):
        return f"DATA_DIR {settings.data_dir} cannot be written to. Set DATA_DIR to a folder of yours."
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app", description="SoundRoutine: any sound goes in, beats come out"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _plain(commands, "up", "start everything that deploy/Procfile lists, and keep it running", _up)
    _plain(commands, "redis", "run this instance's Redis in the foreground", _redis)
    worker = _plain(commands, "worker", "run one worker in the foreground", _worker)
    worker.add_argument("queue", nargs="?", default="cpu", help="the queue that it works on (default: %(default)s)")
    _plain(commands, "sweeper", "run the sweeper in the foreground", _sweeper)
    _plain(commands, "doctor", "say what this machine has and what each missing thing would add", _doctor)
    demo = _plain(commands, "demo", "start the stack, make two beats from the bundled sounds, keep serving", _demo)
    demo.add_argument("--once", action="store_true", help="write demo/beat.wav, .mid and .json, then stop")
    _add_keys(commands)
    _add_models(commands)
    _add_beat(commands)
    check = _plain(commands, "check-bsm", "say whether a map (.bsm) is whole, and what is wrong with it", _check_bsm)
    check.add_argument("file", type=Path, metavar="FILE")
    return parser


def _plain(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str, run: Command
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def _add_keys(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from services.accounts.keys import DEFAULT_OWNER, SCOPES

    inner = commands.add_parser("keys", help="API keys").add_subparsers(required=True, metavar="ACTION")
    create = _plain(inner, "create", "make a key and print it, this once", _keys_create)
    create.add_argument("name", help="what the key is for")
    create.add_argument("--owner", default=DEFAULT_OWNER, help="whose sounds and beats it opens (default: %(default)s)")
    create.add_argument("--scope", action="append", choices=SCOPES, help="may be repeated (default: all)")
    create.add_argument("--days", type=float, help="valid for so many days (default: until revoked)")
    _plain(inner, "list", "list the keys", _keys_list)
    _plain(inner, "revoke", "make a key invalid", _keys_revoke).add_argument("id")


def _add_models(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    inner = commands.add_parser("models", help="models and their weights").add_subparsers(
        required=True, metavar="ACTION"
    )
    _plain(inner, "list", "list the models, their licences and whether they are here", _models_list)
    _plain(inner, "verify", "check the hash of every weight file that is here", _models_verify)


def _add_beat(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    beat = _plain(commands, "beat", "make a beat from sound files through a running server", _beat)
    beat.add_argument("files", nargs="+", type=Path, metavar="SOUND", help="sound files, or folders of them")
    beat.add_argument("--bpm", type=float, required=True)
    for name, kind in (
        ("bars", int),
        ("style", str),
        ("meter", str),
        ("mode", str),
        ("seed", int),
        ("density", float),
        ("swing", float),
        ("humanize", float),
        ("title", str),
    ):
        beat.add_argument(f"--{name}", type=kind)
    beat.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("out"),
        help="folder for beat.wav, beat.mid and beat.json (default: %(default)s)",
    )
    beat.add_argument("--url", help="the server (default: this machine's)")
    beat.add_argument("--key", help="an API key (default: BOOTSTRAP_API_KEY, else this instance's first key)")


def _up(_: argparse.Namespace, settings: Settings) -> int:
    from app.stack import up

    return up(settings)


def _redis(_: argparse.Namespace, settings: Settings) -> int:
    from app.stack import run_redis

    run_redis(settings)
    return 0


def _worker(_: argparse.Namespace, settings: Settings) -> int:
    from app.worker import main as run

    run(settings)
    return 0


def _sweeper(_: argparse.Namespace, settings: Settings) -> int:
    from app.sweeper import main as run

    run(settings)
    return 0


def _check_bsm(args: argparse.Namespace, _: Settings) -> int:
    from services.notation.bsm_reader import SIZE_MAX, read_bsm

    try:
        with args.file.open("rb") as file:
            beat = read_bsm(file.read(SIZE_MAX + 1))
    except OSError as err:
        print(f"{args.file}: {err.strerror}", file=sys.stderr)
        return 1
    except Invalid as err:
        print(f"{args.file}: {err.message}", *[f"{e.field} {e.message}" for e in err.errors], sep="\n", file=sys.stderr)
        return 1
    grid = beat.grid
    print(f"{args.file}: {len(beat.events)} hits in {grid.bars} bars of {grid.meter} at {grid.bpm:g} bpm")
    return 0


def _doctor(_: argparse.Namespace, settings: Settings) -> int:
    from app.doctor import examine

    return examine(settings)


def _demo(args: argparse.Namespace, settings: Settings) -> int:
    from app.demo import run

    return run(settings, once=args.once)


def _beat(args: argparse.Namespace, settings: Settings) -> int:
    from app.client import make_beat

    return make_beat(args, settings)


def _keys_create(args: argparse.Namespace, settings: Settings) -> int:
    from app.keys import create
    from services import clock
    from services.accounts.keys import SCOPES

    expires = clock.now() + timedelta(days=args.days) if args.days else None
    text, key = create(
        Deps(settings), args.name, owner=args.owner, scopes=tuple(args.scope or SCOPES), expires_at=expires
    )
    print(text)
    print(f"This is the only time the key is shown. Its id is {key.id}, its owner {key.owner}.", file=sys.stderr)
    return 0


def _keys_list(_: argparse.Namespace, settings: Settings) -> int:
    from db.accounts import all_keys
    from services import clock
    from services.accounts.keys import alive

    print(f"{'id':34} {'begins':12} {'owner':12} {'state':8} {'last used':25} name (scopes)")
    for key in all_keys(Deps(settings).store):
        state = "valid" if alive(key, clock.now()) else "revoked" if key.revoked_at else "expired"
        used = clock.iso(key.last_used_at) if key.last_used_at else "never"
        print(f"{key.id:34} {key.prefix:12} {key.owner:12} {state:8} {used:25} {key.name} ({' '.join(key.scopes)})")
    return 0


def _keys_revoke(args: argparse.Namespace, settings: Settings) -> int:
    from db.accounts import revoke_key
    from services import clock

    if not revoke_key(Deps(settings).store, args.id, clock.now()):
        print(f"There is no key with the id {args.id}.", file=sys.stderr)
        return 1
    print("Revoked. From now on the key opens nothing.")
    return 0


def _models_list(_: argparse.Namespace, settings: Settings) -> int:
    from services.models.registry import listing

    for row in listing():
        print("  ".join(f"{k}: {v}" for k, v in row.items()))
    return 0


def _models_verify(_: argparse.Namespace, settings: Settings) -> int:
    from services.models.registry import MODELS, DamagedModel, verify

    wrong = []
    for model in MODELS:
        try:
            verify(model)
        except DamagedModel as err:
            wrong.append(err.message)
    print("\n".join(wrong) if wrong else "Every weight file that is here has the hash that it should have.")
    return 1 if wrong else 0
