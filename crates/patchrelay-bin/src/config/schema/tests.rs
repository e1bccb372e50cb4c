use super::{Place, Step, schema};
use crate::config::tests::{EVERYTHING, PROJECT, read};

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(schema().as_value()).unwrap()
}

fn value(text: &str) -> serde_json::Value {
    serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap()
}

#[test]
fn what_may_be_written_fits_the_schema() {
    let validator = validator();
    for text in ["", PROJECT, EVERYTHING] {
        validator.validate(&value(text)).unwrap();
        // What `config show` prints can be written again.
        validator.validate(&value(&toml::to_string(&read(text)).unwrap())).unwrap();
    }
}

#[test]
fn what_may_not_be_written_does_not_fit_the_schema() {
    let validator = validator();
    for text in [
        "top = 1",
        "[server]\nprot = 1",
        "[server]\nport = 70000",
        "[codex]\nsandbox = \"read-only\"",
        "[[project]]\nid = \"app\"",
        "[budgets.run]\nmax_tokens = \"many\"",
    ] {
        assert!(!validator.is_valid(&value(text)), "{text}");
    }
}

/// Editors show it.
#[test]
fn every_key_is_described_and_has_its_default_in_the_schema() {
    fn look(place: &serde_json::Value, path: &str, found: &mut Vec<String>) {
        for (key, below) in place["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            if !below["description"].is_string() {
                found.push(path.clone());
            }
            look(below, &path, found);
            look(&below["items"], &path, found);
        }
    }
    let mut without = Vec::new();
    look(&super::INLINE, "", &mut without);
    assert_eq!(without, Vec::<String>::new());
    assert_eq!(schema().as_value()["properties"]["server"]["default"]["port"], 8787);
}

#[test]
fn a_key_that_was_meant_is_found_near_by_and_in_other_sections() {
    let unknown = |section: &[Step<'static>], key: &str| {
        Place::at(section.iter().copied()).unwrap().unknown(key)
    };
    for (section, key, meant) in [
        (vec![], "Server", Some("`server`")),
        (vec![Step::Key("server")], "prot", Some("`port`")),
        (vec![Step::Key("server")], "max_body_byte", None),
        (vec![Step::Key("server")], "max_body_bytes", Some("`ingress.max_body_bytes`")),
        (vec![Step::Key("codex")], "developer_instruction", Some("`developer_instructions`")),
        (vec![Step::Key("project"), Step::Item], "team", None),
        (vec![Step::Key("project"), Step::Item], "lables", Some("`labels`")),
    ] {
        let said = unknown(&section, key);
        match meant {
            Some(meant) => {
                assert!(said.contains(&format!("did you mean {meant}?")), "{key}: {said}");
            }
            None => assert!(!said.contains("did you mean"), "{key}: {said}"),
        }
    }
}
