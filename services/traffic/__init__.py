"""Handling of load: group commit, idempotency keys, rate limits, proof of work, cached answers.

These modules know nothing of petitions, letters or other nouns of the domain.
"""
