"""Runs n8n's Action Network node, unchanged, against a live server of ours.

The node has Action Network's address in its code. So n8n is given a proxy, as its own settings
allow, that answers for this address with a certificate of the drill, and hands the requests on to
our server. The node, its request helper and its expressions are n8n's own; only the script that
starts a node without n8n's editor is ours (`run_node.js`). See docs/operators/drills.md.
"""
