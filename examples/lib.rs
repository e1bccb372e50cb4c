//! Programs to read and to run: `cargo run -p patchrelay-examples --example NAME`.
