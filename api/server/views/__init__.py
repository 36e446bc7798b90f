"""What the server answers: the contracts of its JSON.

Every number's name ends in its unit (``_usd``, ``_shares``, ``_s``, ``_ms``, ``_ns``) or its description says it.
Times are ISO 8601 in UTC with nanoseconds; "" stands for never. Prices are dollars a share.
"""
