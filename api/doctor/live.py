"""Real orders: whether what they need is there. Nothing is asked of the exchange: that is `profit live preflight`."""

from __future__ import annotations

from api.doctor.finding import Diagnosis, failed, ok, skipped, warning
from connectors.venues.polymarket.official import refuse_incomplete, require_client
from connectors.venues.polymarket.process import ALLOW, forbidden
from models.failures import Failure
from models.settings import Settings

_CHECK = "live venue"


def live_venue(settings: Settings) -> list[Diagnosis]:
    """Client, keys and the environment's leave, where the live venue is switched on."""
    if not settings.live.enabled:
        return [skipped(_CHECK, "live.enabled is false: no real order can go out")]
    try:
        require_client()
        refuse_incomplete(settings.live_account)
    except Failure as failure:
        return [failed(_CHECK, failure.cause, failure.cure)]
    if forbidden():
        cure = f"Right for a dry run. For real orders set {ALLOW}=yes."
        return [warning(_CHECK, "client and keys are there; the environment allows no real order", cure)]
    bounds = f"{settings.live.cap_order:g} $ an order, {settings.live.cap_total:g} $ in all"
    return [ok(_CHECK, f"client and keys are there, real orders are allowed: {bounds}")]
