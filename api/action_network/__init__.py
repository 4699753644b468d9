"""The Action Network v2 (OSDI) dialect under `/api/v2`, for clients made for Action Network.

It uses Action Network's terms, and the same services as `/v1`. `docs/action-network.md` lists what
it reads and answers.
"""
