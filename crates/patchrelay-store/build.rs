//! `sqlx::migrate!` reads a directory, which Cargo would not look at: a new migration has to rebuild the crate.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
