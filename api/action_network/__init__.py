"""The Action Network v2 / OSDI dialect under `/api/v2`: what is read and told is in
`docs/guide/action-network.md`. It uses Action Network's words, and calls the services of `/v1`."""
