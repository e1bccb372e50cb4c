//! The tree is tidy.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_file_of_these_tests_is_a_module() {
    let main = include_str!("main.rs");
    for name in names(&root().join("tests/it")) {
        let module = name.strip_suffix(".rs").unwrap();
        assert!(
            module == "main" || main.contains(&format!("\nmod {module};\n")),
            "`{name}` is not listed in main.rs"
        );
    }
}

#[test]
fn the_top_level_is_exactly_this() {
    let visible: Vec<_> = names(&root())
        .into_iter()
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect();
    let expected = [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "benches",
        "crates",
        "deny.toml",
        "examples",
        "tests",
    ];
    assert_eq!(visible, expected);
}

#[test]
fn every_crate_is_on_the_map() {
    let map = include_str!("../../crates/README.md");
    for name in names(&root().join("crates")) {
        assert!(
            name == "README.md" || map.contains(&format!("`{name}`")),
            "`{name}` is not in crates/README.md"
        );
    }
}

/// Every Rust file of the product begins by saying what it is for.
#[test]
fn every_module_says_what_it_is_for() {
    let mut directories = vec![root().join("crates")];
    let mut seen = 0;
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("tests") || path.ends_with("tests.rs") || path.ends_with("fixture.rs")
            {
                continue;
            }
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                seen += 1;
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(text.starts_with("//! "), "{} has no module documentation", path.display());
            }
        }
    }
    assert!(100 < seen, "{seen}");
}
