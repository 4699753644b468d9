"""Pictures of campaigns."""
