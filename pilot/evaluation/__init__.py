"""How good the answers are: execution accuracy and retrieval, through the product path, on your own question sets."""
