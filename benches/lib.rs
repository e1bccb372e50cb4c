//! Measured: `cargo bench -p patchrelay-benches`.
