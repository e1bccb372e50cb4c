//! Examples: `cargo run -p patchrelay-examples --example NAME`.
