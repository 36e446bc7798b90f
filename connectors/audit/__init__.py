"""The audit database: typed tables of everything the system decided and did, readable while it runs."""
