"""Routes of letters: writing them, their kinds, their queue and what came back."""
