"""The LLM server: the only process that holds weights."""
