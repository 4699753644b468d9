"""The accounts of organisers: who may do what, where they are signed in, and what was done."""
