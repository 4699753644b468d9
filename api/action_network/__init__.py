"""The Action Network v2 (OSDI) dialect under `/api/v2`, for clients made for Action Network.

It uses Action Network's terms, and the same services as `/v1`. What it reads and answers is in
`docs/guide/action-network.md`.
"""
