"""Speed tables: `make bench` runs every `bench_*` module's `main()` and prints what it measured with its conditions."""
