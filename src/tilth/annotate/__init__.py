"""Annotation as a workflow: orders, what comes back, the ledger, and what of it is accepted."""
