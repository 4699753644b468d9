"""Reading and writing CSV and JSON lines of any length."""
