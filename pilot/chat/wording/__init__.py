"""Parts of a parsed statement in plain words: values, conditions, whole queries as a noun."""
