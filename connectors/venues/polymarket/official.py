"""The exchange through its official client, ``polymarket-client`` (optional extra ``live``), imported only here.

The client builds orders with a random salt. Ours follow from our order ids, so that an order is the same one whenever
it is made: for that its own building and signing steps are called one by one. They are not part of what the client
promises to keep, so its version is pinned, and another one is refused. All that leaves here in an error is the kind of
error and what the exchange wrote: never a header, a key or a signature.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from importlib import import_module, metadata
from typing import Any, Final, TypeVar

import httpx

from connectors.venues.polymarket.exchange import (
    Built,
    ExchangeWaits,
    LiveOrder,
    Money,
    NoAnswer,
    OrderRefused,
    OrderSeen,
    OrderTaken,
    TradeSeen,
)
from connectors.venues.polymarket.order_hash import NEGATIVE_RISK, OrderFields, order_hash
from connectors.venues.polymarket.reading import order_seen, trades_seen
from models.failures import Failure
from models.money import SHARE
from models.settings import LiveAccount
from models.timestamps import SECOND

PINNED: Final = "0.14.0"
CLOB: Final = "https://clob.polymarket.com"
#: The exchange takes a GTD order from the book so long before its stated time.
_EARLY_S: Final = 60
_WAIT_S: Final = 2.0
_ACTIONS: Final = "polymarket._internal.actions.orders"
_NO_MATCH: Final = {"FAK orders are partially filled": "fak_not_filled", "FOK orders are fully": "fok_not_filled"}

Result = TypeVar("Result")


def require_client() -> None:
    """Raises Failure where the official client is not installed, or is another version than the one tried."""
    try:
        found = metadata.version("polymarket-client")
    except metadata.PackageNotFoundError:
        raise Failure(
            "real orders need the official client, and polymarket-client is not installed.",
            "pip install 'profit-system[live]', or leave live.enabled at false.",
        ) from None
    if found != PINNED:
        raise Failure(
            f"polymarket-client {found} is installed; real orders were only ever built with {PINNED}.",
            f"pip install polymarket-client=={PINNED}",
        )


class OfficialExchange:
    """``connectors.venues.polymarket.exchange.LiveExchange``. Make it with ``open_official``."""

    def __init__(self, client: Any, clob: str, user_agent: str) -> None:
        self._client = client
        self._errors: Any = import_module("polymarket.errors")
        self._public = httpx.AsyncClient(base_url=clob, headers={"User-Agent": user_agent}, timeout=5.0)
        self._heartbeat_id = ""

    async def _ask(self, call: Awaitable[Result]) -> Result:
        errors = self._errors
        try:
            return await call
        except errors.RateLimitError as cause:
            raise ExchangeWaits("the exchange limits our rate (429)", cause.retry_after or _WAIT_S) from None
        except errors.OrderHeartbeatMismatchError:
            raise
        except errors.RequestRejectedError as cause:
            if cause.restriction is not None or cause.status in (425, 503):
                text = f"the exchange is {cause.restriction or 'not ready'} ({cause.status})"
                raise ExchangeWaits(text, cause.retry_after or _WAIT_S) from None
            if cause.status >= 500 or cause.status == 408:
                raise NoAnswer(f"HTTP {cause.status}") from None
            text = str(cause)
            code = next((code for words, code in _NO_MATCH.items() if words in text), cause.code or "")
            raise OrderRefused(f"HTTP {cause.status}: {text}", code) from None
        except (errors.UserInputError, errors.SigningError) as cause:
            raise OrderRefused(f"{type(cause).__name__}: {cause}") from None
        except errors.PolymarketError as cause:
            raise NoAnswer(f"{type(cause).__name__}") from None

    # --- orders ---------------------------------------------------------------------------------------------------

    async def build(self, order: LiveOrder) -> Built:
        limit, orders = import_module(f"{_ACTIONS}.limit"), import_module(f"{_ACTIONS}.orders")
        wallet = import_module("polymarket._internal.wallet")
        typed = import_module(f"{_ACTIONS}.typed_data")
        client, context = self._client, self._client._ctx
        try:
            wanted = limit.validate_limit_order_params(
                asset_id=order.token,
                price=Decimal(order.limit).scaleb(-4),
                size=Decimal(order.size).scaleb(-6),
                side=order.side.upper(),
                post_only=order.post_only,
                expiration=order.expires // SECOND + _EARLY_S if order.kind == "GTD" else None,
            )
        except self._errors.UserInputError as cause:
            raise OrderRefused(str(cause)) from None
        draft = dataclasses.replace(
            await self._ask(limit.prepare_limit_order_draft(context, wanted)), order_type=order.kind
        )
        plain = orders.create_unsigned_order(draft, wallet=context.wallet, wallet_type=context.wallet_type)
        unsigned = dataclasses.replace(plain, salt=order.salt, timestamp=order.stamp)
        raw: str = client._ctx.signer.sign_typed_data(
            full_message=typed.build_order_typed_data(unsigned)
        ).signature.hex()
        signature = wallet.wrap_deposit_wallet_signature(
            signer=context.signer.address,
            signer_type=context.signer_type,
            signature=typed.build_order_signature(unsigned, raw if raw.startswith("0x") else f"0x{raw}"),
        )
        signed = orders.create_signed_order(unsigned, signature, post_only=order.post_only)
        fields = OrderFields(
            salt=unsigned.salt,
            maker=str(unsigned.maker),
            signer=str(unsigned.signer),
            token=int(unsigned.token_id),
            maker_amount=unsigned.maker_amount,
            taker_amount=unsigned.taker_amount,
            side=order.side,
            signature_type=unsigned.signature_type,
            timestamp=unsigned.timestamp,
        )
        negative_risk = str(unsigned.exchange_address).lower() == NEGATIVE_RISK.lower()
        return Built(order_hash(fields, negative_risk), unsigned.maker_amount, unsigned.taker_amount, signed)

    async def post(self, built: Built) -> OrderTaken:
        signed: Any = built.signed
        answer: Any = await self._ask(self._client.post_order(signed))
        if not answer.ok:
            raise OrderRefused(answer.message, answer.code)
        shares = answer.taking_amount if signed.side == "BUY" else answer.making_amount
        whole = built.gets if signed.side == "BUY" else built.pays
        # The exchange's documents do not say whether it counts shares or millionths of them: an order of ours has less
        # than a million shares, and more than a millionth of one.
        matched = int(shares) if shares * SHARE > whole * 1000 else round(shares * SHARE)
        return OrderTaken(str(answer.order_id), answer.status, min(matched, whole))

    async def cancel(self, venue_id: str) -> bool:
        answer: Any = await self._ask(self._client.cancel_order(order_id=venue_id))
        return venue_id in answer.canceled

    async def cancel_all(self) -> None:
        await self._ask(self._client.cancel_all())

    async def open_orders(self) -> list[OrderSeen]:
        return [order_seen(_plain(each)) for each in await self._all(self._client.list_open_orders())]

    async def order(self, venue_id: str) -> OrderSeen | None:
        try:
            return order_seen(_plain(await self._ask(self._client.get_order(order_id=venue_id))))
        except (OrderRefused, NoAnswer):  # one that is over may come without its fields, or not at all
            return None

    async def trades(self, after: int) -> list[TradeSeen]:
        found = await self._all(self._client.list_account_trades(after=str(after)))
        return [seen for each in found for seen in trades_seen(_plain(each))]

    async def _all(self, pages: Any) -> list[Any]:
        async def collect() -> list[Any]:
            return [each async for each in pages.iter_items()]

        return await self._ask(collect())

    # --- account --------------------------------------------------------------------------------------------------

    async def heartbeat(self) -> None:
        try:
            beat = await self._ask(self._client.send_order_heartbeat(heartbeat_id=self._heartbeat_id))
        except self._errors.OrderHeartbeatMismatchError as cause:
            self._heartbeat_id = cause.heartbeat_id
            beat = await self._ask(self._client.send_order_heartbeat(heartbeat_id=self._heartbeat_id))
        self._heartbeat_id = beat.heartbeat_id

    async def money(self) -> Money:
        seen: Any = await self._ask(self._client.get_balance_allowance(asset_type="COLLATERAL"))
        return Money(seen.balance, max(seen.allowances.values(), default=0))

    async def closed_only(self) -> bool:
        return bool(await self._ask(self._client.get_closed_only_mode()))

    async def resolved(self, condition: str) -> bool:
        try:
            answer = await self._public.get(f"/markets/{condition}")
            return answer.status_code == 200 and any(bool(each.get("winner")) for each in answer.json()["tokens"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
            raise NoAnswer("whether a market is resolved") from None

    async def time(self) -> float:
        try:
            return float((await self._public.get("/time")).text.strip().strip('"'))
        except (httpx.HTTPError, ValueError):
            raise NoAnswer("the exchange's time") from None

    async def updates(self) -> AsyncIterator[OrderSeen | TradeSeen | None]:
        streams: Any = import_module("polymarket.streams")
        handle: Any = await self._ask(self._client.subscribe(streams.UserSpec()))
        yield None
        async with handle:
            async for event in handle:
                said = _plain(event.payload)
                if event.type == "order":
                    yield order_seen(said)
                else:
                    for seen in trades_seen(said):
                        yield seen

    async def close(self) -> None:
        await self._public.aclose()
        await self._client.close()


def _plain(model: Any) -> dict[str, Any]:
    """The client's model as plain values, under the names of the wire."""
    said: dict[str, Any] = model.model_dump(mode="json")
    return said


async def open_official(account: LiveAccount, user_agent: str) -> OfficialExchange:
    """Sign in. Raises Failure where the client is not there, the account's keys are incomplete, or the exchange refuses
    them; what it says names no key."""
    require_client()
    refuse_incomplete(account)
    polymarket: Any = import_module("polymarket")
    environments: Any = import_module("polymarket.environments")
    environment = environments.PRODUCTION
    if account.clob or account.user_ws:
        config = dataclasses.replace(
            environment._config,
            clob_url=account.clob or environment._config.clob_url,
            clob_user_ws_url=account.user_ws or environment._config.clob_user_ws_url,
        )
        environment = environments._create_environment(name="configured", config=config)
    credentials: Any = None
    if account.api_key.get_secret_value():
        credentials = polymarket.ApiKeyCreds(
            apiKey=account.api_key.get_secret_value(),
            secret=account.api_secret.get_secret_value(),
            passphrase=account.api_passphrase.get_secret_value(),
        )
    create: Callable[..., Awaitable[Any]] = polymarket.AsyncSecureClient.create
    try:
        client = await create(
            private_key=account.private_key.get_secret_value(),
            wallet=account.wallet,
            environment=environment,
            credentials=credentials,
        )
    except Exception as cause:  # whatever it is, its text may name what it was given
        raise Failure(
            f"the exchange could not be signed in to: {type(cause).__name__}.",
            "Check live_account.private_key, wallet and the API key, and `profit live preflight`.",
        ) from None
    return OfficialExchange(client, account.clob or CLOB, user_agent)


def refuse_incomplete(account: LiveAccount) -> None:
    """Raises Failure where the keys are not all there."""
    if not account.private_key.get_secret_value() or not account.wallet:
        raise Failure(
            "live_account.private_key and live_account.wallet are not both set.",
            "Set PROFIT_LIVE_ACCOUNT_PRIVATE_KEY and PROFIT_LIVE_ACCOUNT_WALLET in the environment.",
        )
    three = (account.api_key, account.api_secret, account.api_passphrase)
    if len({bool(each.get_secret_value()) for each in three}) > 1:
        raise Failure(
            "of live_account.api_key, api_secret and api_passphrase some are set and some are not.",
            "Set all three, or none: they are derived from the private key then.",
        )
