"""The page in a real browser, both processes started by command."""
