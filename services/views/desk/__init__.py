"""The home of the desk: figures, what needs somebody today, and what happened since yesterday."""
