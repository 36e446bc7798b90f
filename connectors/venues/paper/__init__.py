"""The paper venue: an exchange that fills our orders from what the journal shows, and never kinder than a real one.

``venue`` is the whole interface. What it is made of: ``mirror`` (both tokens' books as one book of Up), ``taken``
(displayed shares that are already ours), ``prints`` (trades reported once for each token count once), ``queue`` (where
a resting order stands), ``validation`` (what the exchange refuses), ``matching`` (what an order takes when it arrives),
``resting`` (what comes to orders that wait), ``cadence`` (when nobody was looking), ``chance`` (jitter and lost
answers, seeded).
"""
