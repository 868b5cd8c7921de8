"""Files of remote warehouses, read on demand: the sums of their blocks, what has come of them, and who serves them."""
