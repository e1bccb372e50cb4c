use super::*;

#[test]
fn depth_is_counted_outside_of_strings() {
    assert_eq!(check(br#"{"a":[{"b":"[[[[\"[[["}]}"#, 3), Ok(()));
    assert!(check(br#"{"a":[{"b":1}]}"#, 2).is_err());
    assert_eq!(check(br#"["\\",[]]"#, 2), Ok(()));
    assert_eq!(check(b"7", 0), Ok(()));
}

#[test]
fn a_depth_bomb_is_refused_without_a_stack() {
    for open in ["[", "{\"a\":"] {
        let bomb = open.repeat(5_000_000);
        assert!(check(bomb.as_bytes(), 64).unwrap_err().contains("64 levels"));
    }
}

#[test]
fn what_is_not_one_json_text_is_refused() {
    for body in ["", "{", "{}{}", "payload=%7B%7D", "{'a':1}", "[1,]", "\"open"] {
        assert!(check(body.as_bytes(), 64).is_err(), "{body}");
    }
    assert!(check(b"\"\xff\"", 64).unwrap_err().contains("UTF-8"));
}
