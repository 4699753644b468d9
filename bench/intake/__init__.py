"""The parts of `bench.bench_intake`, and what other benches over HTTP share with it."""
