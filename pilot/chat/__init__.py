"""A question -> a stream of events: the spine between the parts and whoever shows them."""
