"""The names of the portfolio's accounts. A paper twin has one of its own, which bears the twin's id.

>>> MAIN, LIVE
('main', 'live')
"""

from __future__ import annotations

from typing import Final

#: On paper.
MAIN: Final = "main"
#: Real money: what the exchange said that it holds, from the first arming on. Its orders are real, and no others.
LIVE: Final = "live"
