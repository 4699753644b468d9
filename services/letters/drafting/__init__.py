"""Drafts letters from the situation of a seat, and checks what writers change in them."""
