"""What the routes of one server share."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from api.server.access import Access
from api.server.alerting import Alerting
from api.server.conservation import CounterHistory
from api.server.earnings import OtherRuns
from api.server.hub import Hub
from api.server.report_making import ReportMaker
from api.server.run_list import EndedRuns
from api.server.views.health import RunView
from models.contracts import Answer
from models.control import Instruction
from models.settings import Settings
from models.strategies.instance import all_instances

#: Gives a command to the run; blocks until the flow has answered. None where nothing runs that could obey.
Give = Callable[[Instruction, str], Answer]


@dataclass
class ServerState:
    """``run``: what is served; ``settings``: of the run, as they are now; ``run_dir``: whose archive and audit are
    asked; ``data_dir``: where all runs are."""

    hub: Hub
    run: Callable[[], RunView]
    settings: Callable[[], Settings]
    run_dir: Path
    data_dir: Path
    access: Access
    alerting: Alerting
    beats: CounterHistory
    give: Give | None = None
    finished: bool = False
    reports: ReportMaker = field(init=False)
    others: OtherRuns = field(init=False)
    ended: EndedRuns = field(default_factory=EndedRuns)

    def __post_init__(self) -> None:
        self.reports = ReportMaker(self.data_dir)
        self.others = OtherRuns(self.data_dir, self.run_dir)

    def instances(self) -> Collection[str]:
        """Ids of all that are configured, switched on or not."""
        return all_instances(self.settings())
