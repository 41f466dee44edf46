"""Documents that can be asked: readers, chunking, the lexical and the vector index, and the library that owns them."""
