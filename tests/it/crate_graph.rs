//! Who may depend on whom. A new edge is a change of architecture: it is made here, in sight of a reviewer.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// The edges inside the workspace, and for the pure crates also those that leave it.
const ALLOWED: &str = "\
patchrelay: domain engine ports
patchrelay-bin: facade codex git github linear process server store testkit
patchrelay-codex: domain ports process
patchrelay-domain:
patchrelay-engine: domain ports
patchrelay-git: domain ports process
patchrelay-github: domain ports
patchrelay-linear: domain ports
patchrelay-ports: domain
patchrelay-process:
patchrelay-server: domain ports
patchrelay-store: domain ports
patchrelay-testkit: domain ports process
";
/// What the pure crates may use from outside: nothing that does I/O, awaits, reads a clock or draws a random number.
const PURE: [(&str, &[&str]); 2] = [
    ("patchrelay-domain", &["aho-corasick", "globset", "serde", "serde_json", "thiserror"]),
    ("patchrelay-ports", &["async-trait", "mockall", "thiserror"]),
];

#[test]
fn the_crates_depend_on_each_other_only_as_allowed() {
    let metadata =
        MetadataCommand::new().no_deps().other_options(["--offline".to_owned()]).exec().unwrap();
    let tools = ["patchrelay-tests", "patchrelay-examples", "patchrelay-benches"];
    let mut graph = BTreeMap::new();
    for package in
        metadata.packages.iter().filter(|package| !tools.contains(&package.name.as_str()))
    {
        let normal = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal);
        let names: BTreeSet<_> = normal.map(|dependency| dependency.name.as_str()).collect();
        if let Some((_, allowed)) = PURE.iter().find(|(name, _)| *name == package.name.as_str()) {
            let outside = names.iter().filter(|name| !name.starts_with("patchrelay"));
            let extra: Vec<_> = outside.filter(|name| !allowed.contains(name)).collect();
            assert!(extra.is_empty(), "{} may not depend on {extra:?}", package.name);
        }
        let inside = names.iter().filter(|name| name.starts_with("patchrelay"));
        let inside: Vec<_> = inside
            .map(|name| name.strip_prefix("patchrelay-").unwrap_or("facade").to_owned())
            .collect();
        graph.insert(package.name.to_string(), inside);
    }
    let actual: String = graph
        .iter()
        .map(|(name, edges)| format!("{name}: {}", edges.join(" ")).trim_end().to_owned() + "\n")
        .collect();
    assert_eq!(actual, ALLOWED);
}
