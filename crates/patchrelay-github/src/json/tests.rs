use serde::Deserialize;

use super::*;

#[test]
fn an_error_names_the_path() {
    #[derive(Debug, Deserialize)]
    struct Outer {
        #[serde(rename = "outer")]
        _outer: Inner,
    }
    #[derive(Debug, Deserialize)]
    struct Inner {
        #[serde(rename = "number")]
        _number: u64,
    }
    let error = |body: &str| parse::<Outer>(body.as_bytes()).unwrap_err();
    assert!(error(r#"{"outer":{}}"#).starts_with("outer: missing field `number`"));
    assert!(error(r#"{"outer":{"number":"x"}}"#).starts_with("outer.number: invalid type"));
    assert!(error("{}").starts_with("missing field `outer`"));
    assert!(error(r#"{"outer":{"number":1}} more"#).starts_with("trailing characters"));
}
