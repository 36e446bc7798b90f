"""`profit verify`: a bundle of a run that a stranger checks on another machine with one command."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console

from api.runs import archive_in, archive_of, is_running
from connectors.failures import require_writable
from models.failures import Failure
from models.settings import load

NAME: Final = "bundle.json"
_MARKS: Final = {"ok": "ok         ", "failed": "FAILED     ", "not checked": "not checked"}


def verify(
    place: Annotated[str, typer.Argument(help="A bundle, or a run or archive that has one; with --bundle the run.")],
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Make the bundle of the run, and write it to this file.")
    ] = None,
    archive: Annotated[
        Path | None, typer.Option("--archive", help="The archive of the inputs, where it is not beside the bundle.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Check a bundle: hash the inputs again, replay the run, compare results and figures, walk the chain of bundles."""
    if bundle is not None and archive is not None:
        raise Failure("--bundle and --archive were both given: a run's bundle is of its own archive.", "Give one.")
    data_dir = load(config).data_dir
    if bundle is not None:
        _make(place, bundle, data_dir, as_json)
        return
    file, inputs = _found(Path(place), archive, data_dir)
    from flows.replay.bundle import BUNDLES
    from flows.replay.bundle_check import check_bundle

    chains = [file.absolute().parent, file.absolute().parent / BUNDLES, data_dir / BUNDLES]
    with Console(stderr=True, quiet=as_json).status(f"checking {file}: hashing, replaying"):
        results = check_bundle(file, inputs, chains)
    failed = [each for each in results if each.verdict == "failed"]
    if as_json:
        print(msgspec.json.encode({"bundle": str(file), "sound": not failed, "checks": results}).decode())
    else:
        for each in results:
            print(f"{_MARKS[each.verdict]} {each.what}{f': {each.text}' if each.text else ''}")
        print(f"{file}: " + (f"{len(failed)} of {len(results)} checks FAILED" if failed else "sound"))
    if failed:
        raise typer.Exit(1)


def _make(place: str, file: Path, data_dir: Path, as_json: bool) -> None:
    from flows.replay.bundle import BundleChain, encode
    from flows.replay.bundle_check import make_bundle

    archive = archive_of(Path(place), data_dir)
    if is_running(archive.parent):
        raise Failure(f"{place} is still running.", "End it first; what it holds by now: profit replay --compare.")
    if file.is_dir():
        raise Failure(f"--bundle {file} is a folder.", f"Name a file: --bundle {file / NAME}.")
    require_writable(file.absolute().parent)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with Console(stderr=True, quiet=as_json).status("replaying the run, which has to come out the same"):
        made = make_bundle(archive, archive.parent.name, now, BundleChain(data_dir))
    file.write_bytes(encode(made))
    if as_json:
        print(msgspec.json.encode(made).decode())
        return
    print(f"{file}: run {made.content.run}, digest {made.content.digest[:12]}, bundle {made.sha256[:12]}")
    print(f"  behind {made.content.previous[:12] or 'none: the first of its data folder'}")
    print(f"  a stranger needs it, the archive and this program: profit verify {file} --archive ARCHIVE")


def _found(place: Path, archive: Path | None, data_dir: Path) -> tuple[Path, Path]:
    """The bundle's file, and the archive of its inputs. Raises Failure."""
    from flows.replay.bundle import read_bundle

    if place.is_file() or (place.suffix == ".json" and not (place.is_dir() or (data_dir / "runs" / place).is_dir())):
        read_bundle(place)  # a file that is none is said to be none, before its archive is looked for
        if archive is not None:
            return place, archive_of(archive, data_dir)
        beside = archive_in(place.absolute().parent)
        if beside is None:
            raise Failure(f"there is no archive beside {place}.", "Name it: --archive ARCHIVE.")
        return place, _inputs_of(beside)
    found = archive_of(place, data_dir)
    for file in (found.parent / NAME, found / NAME):
        if file.is_file():
            return file, archive_of(archive, data_dir) if archive is not None else _inputs_of(found)
    raise Failure(
        f"{place} has no bundle: there is no {NAME} in {found.parent}.",
        f"Make one: profit verify {place} --bundle {found.parent / NAME}; or name the file of one.",
    )


def _inputs_of(archive: Path) -> Path:
    """The archive that the run which wrote ``archive`` had its inputs from. Raises Failure where that is gone."""
    from flows.replay.plan import inputs_of_run

    source = inputs_of_run(archive)
    if not source.is_dir():
        raise Failure(f"{archive.parent} replayed {source}, which is gone.", "Name the inputs: --archive ARCHIVE.")
    return source
