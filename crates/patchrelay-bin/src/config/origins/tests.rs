use super::{Origins, Source};

const FILE: &str = "top = 1
[server]
port = 2
[codex]
command = [
  \"codex\",
  \"app-server\",
]
env = { A = \"b\" }
[[project]]
id = \"app\"
[project.codex]
model = \"m\"
[[project]]
id = \"other\"
";

#[test]
fn a_key_is_found_in_its_line() {
    let origins = Origins::of_file(FILE).unwrap();
    for (key, line) in [
        ("top", 1),
        ("server", 2),
        ("server.port", 3),
        ("codex.command", 5),
        ("codex.command[1]", 7),
        ("codex.env.A", 9),
        ("project[0]", 10),
        ("project[0].id", 11),
        ("project[0].codex", 12),
        ("project[0].codex.model", 13),
        ("project[1]", 14),
        ("project[1].id", 15),
        // What is missing is looked for at what it belongs to.
        ("server.bind", 2),
        ("project[1].repo", 14),
        ("project[1].codex.model", 14),
    ] {
        assert_eq!(origins.of_key(key), Source::Line(line), "{key}");
    }
    assert_eq!(origins.of_key("linear.api_url"), Source::Default);
    assert_eq!(origins.of_key(""), Source::Default);
}

#[test]
fn a_variable_outranks_a_line() {
    let mut origins = Origins::of_file(FILE).unwrap();
    origins.set("server.port".to_owned(), "PORT");
    origins.set("linear.api".to_owned(), "API");
    let variable = |name: &str| Source::Variable(name.to_owned());
    assert_eq!(origins.of_key("server.port"), variable("PORT"));
    assert_eq!(origins.of_key("server"), Source::Line(2));
    assert_eq!(origins.of_key("server.bind"), Source::Line(2));
    // The file has no such section, so the variable made it.
    assert_eq!(origins.of_key("linear"), variable("API"));
}

#[test]
fn what_is_no_toml_is_told_by_its_line_and_without_its_words() {
    let (line, reason) = Origins::of_file("[a]\nb = 1\nb = \"s3cret\"\n").unwrap_err();
    assert_eq!((line, reason.as_str()), (3, "duplicate key"));
    let (line, reason) = Origins::of_file("\n\nb = \"s3cret\n").unwrap_err();
    assert!(line == 3 && !reason.contains("s3cret"), "{line}: {reason}");
}
