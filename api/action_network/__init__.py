"""The Action Network v2 / OSDI dialect under `/api/v2`: what is read and told is in
`docs/guide/action-network.md`. Its words are Action Network's; behind it work the services of `/v1`."""
