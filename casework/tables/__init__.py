"""Code tables: what differs between places and years is data, dated and by area."""
