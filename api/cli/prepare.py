"""`profit prepare`: what has to be so before the processes of a run start one by one, as in containers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from models.failures import Failure
from models.settings import load

#: A cluster that is just being started may take so long.
WAIT_S = 60.0


def prepare(
    kafka: Annotated[str, typer.Option(help="HOST:PORT of the cluster.")] = "",
    run_dir: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
    feeds: Annotated[Literal["live", "sim"], typer.Option(help="Which feeds it will record.")] = "sim",
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Create the topics, see that the run and the cluster belong together, and tell of it in its folder. `profit up`
    does this by itself."""
    from api.runs import describe
    from connectors.kafka.admin import await_cluster, create_topics
    from connectors.kafka.claim import claim
    from connectors.operator.token import make_token, token_path

    settings = load(config)
    bootstrap = kafka or settings.kafka.bootstrap_servers
    if not bootstrap:
        raise Failure("no Kafka cluster is named.", "Give --kafka HOST:PORT, or use `profit up`.")
    folder = run_dir or settings.data_dir
    await_cluster(settings.kafka, bootstrap, WAIT_S, lambda text: print(text, file=sys.stderr))
    create_topics(settings.kafka, bootstrap)
    own = claim(settings.kafka, bootstrap, folder, settings.kafka.continue_run)
    make_token(token_path(settings))
    describe(folder, feeds, bootstrap, settings.api.page)
    print(f"run {own.name} in {folder}, on {bootstrap}", file=sys.stderr)
