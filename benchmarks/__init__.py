"""What `make bench` runs; see benchmarks/README.md for what each row means."""
