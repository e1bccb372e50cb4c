use super::*;

/// Its base64 has the characters in which the two alphabets differ.
const VALUE: &[u8] = b"\xfb\xef\xbetok?en>~~\xff\xfe\xfd";

fn names(value: &[u8], added: &[u8]) -> Vec<String> {
    let patterns = SecretPatterns::new([("token", value)]).expect("a pattern");
    let hits = patterns.find("a.txt", added);
    hits.iter()
        .map(|hit| match hit {
            GateHit::Secret { name, path } => {
                assert_eq!(path, "a.txt");
                name.clone()
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

/// An encoder of our own kind: groups of three bytes.
fn base64(text: &[u8], last: &[u8; 2]) -> String {
    let digits: Vec<u8> =
        (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(last.iter().copied()).collect();
    let mut out = String::new();
    for group in text.chunks(3) {
        let at = |n: usize| u32::from(group.get(n).copied().unwrap_or(0));
        let number = at(0) << 16 | at(1) << 8 | at(2);
        for n in 0..4 {
            let digit = digits[(number >> (18 - 6 * n) & 63) as usize];
            out.push(if n <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

fn digits(value: &[u8]) -> String {
    value.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_encoder_of_these_tests_is_right() {
    let known = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
    for (text, encoded) in known {
        assert_eq!(base64(text.as_bytes(), b"+/"), encoded);
    }
    assert_eq!(base64(&[0xfb, 0xff], b"-_"), "-_8=");
}

#[test]
fn a_secret_is_found_in_every_form_and_place() {
    for value in [VALUE, b"12345678", b"ghp_0123456789abcdefghijklmnopqrstuvwxyz"] {
        for before in 0..4 {
            for after in 0..4 {
                let text = [&b"xyz("[..before], value, &b")abc"[..after]].concat();
                let line = digits(&text);
                for added in [
                    text.clone(),
                    base64(&text, b"+/").into_bytes(),
                    base64(&text, b"-_").into_bytes(),
                    line.clone().into_bytes(),
                    line.to_uppercase().into_bytes(),
                ] {
                    let shown = String::from_utf8_lossy(&added).into_owned();
                    assert_eq!(names(value, &added), ["token"], "{shown}");
                }
            }
        }
    }
}

#[test]
fn line_breaks_hide_nothing() {
    let key = b"-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\n7bq2cX\n-----END KEY-----";
    let wrapped = |text: String| {
        let lines: Vec<_> = text.as_bytes().chunks(7).map(String::from_utf8_lossy).collect();
        lines.join("\n  ").into_bytes()
    };
    let windows = String::from_utf8_lossy(key).replace('\n', "\r\n    ");
    for added in
        [wrapped(base64(key, b"+/")), wrapped(digits(key)), windows.into_bytes(), key.to_vec()]
    {
        assert_eq!(names(key, &added), ["token"]);
    }
    // A break where a window of the search ends.
    for before in (WINDOW - 20)..(WINDOW + 2) {
        let broken = [&vec![b'x'; before], &b"0123 4567"[..], &vec![b'y'; WINDOW]].concat();
        assert_eq!(names(b"01234567", &broken), ["token"], "{before}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    for added in [&b""[..], b"an ordinary text", b"1234567", b"2345678", b"MTIzNDU2N"] {
        assert_eq!(names(b"12345678", added), [""; 0]);
    }
    // Too short to look for.
    assert_eq!(names(b"1234567", b"1234567"), [""; 0]);
    assert_eq!(names(b"  1234567 \n", b"  1234567 \n"), [""; 0]);
    // The end of the line belongs to the file that it was read from.
    assert_eq!(names(b"12345678\n", b"12345678"), ["token"]);
    assert!(SecretPatterns::new([("", ""); 0]).expect("nothing").find("a", b"a").is_empty());
}

#[test]
fn each_secret_is_one_hit_even_inside_another() {
    let secrets = [("long", "abcdefghijklmnop"), ("short", "abcdefgh"), ("other", "01234567")];
    let patterns = SecretPatterns::new(secrets).expect("patterns");
    let hits = patterns.find("a", b"abcdefghijklmnop abcdefghijklmnop");
    let named = |name: &str| GateHit::Secret { name: name.to_owned(), path: "a".to_owned() };
    assert_eq!(hits, [named("long"), named("short")]);
}

#[test]
fn no_value_is_shown() {
    let patterns = SecretPatterns::new([("token", "hunter2hunter2")]).expect("a pattern");
    assert_eq!(format!("{patterns:?}"), r#"SecretPatterns { names: ["token"], .. }"#);
    let hits = patterns.find("src/hunter2hunter2.rs", b"");
    assert_eq!(hits, [GateHit::Secret { name: "token".to_owned(), path: HIDDEN_PATH.to_owned() }]);
}

#[test]
fn a_report_keeps_everything_but_the_texts_with_a_secret() {
    let patterns = SecretPatterns::new([("token", "hunter2hunter2")]).expect("a pattern");
    let resolved =
        |path: &str| crate::Resolved { path: path.to_owned(), choice: crate::Resolution::Keep };
    let with = |text: &str| Report {
        outcome: crate::ReportOutcome::Done,
        summary: text.to_owned(),
        commit_subject: text.to_owned(),
        commit_body: text.to_owned(),
        pr_title: text.to_owned(),
        pr_body: text.to_owned(),
        question: text.to_owned(),
        resolved: vec![resolved(text), resolved("a.txt")],
    };
    let mut harmless = with("Done.");
    assert_eq!(patterns.withhold_from(&mut harmless), []);
    assert_eq!(harmless, with("Done."));

    for text in ["see hunter2hunter2", &format!("({})", base64(b"hunter2hunter2", b"+/"))] {
        let mut talkative = with(text);
        let hits = patterns.withhold_from(&mut talkative);
        assert_eq!(hits.len(), 6, "{hits:?}");
        assert!(!format!("{talkative:?}{hits:?}").contains(text), "{talkative:?}");
        assert_eq!(talkative.resolved, [resolved("a.txt")]);
    }
}

#[test]
fn a_path_with_a_secret_is_not_shown() {
    let patterns = SecretPatterns::new([("token", "hunter2hunter2")]).expect("a pattern");
    assert_eq!(patterns.shown_path("src/a.rs"), "src/a.rs");
    assert_eq!(patterns.shown_path("hunter2hunter2/a.rs"), HIDDEN_PATH);
    assert_eq!(SecretPatterns::default().shown_path("hunter2hunter2"), "hunter2hunter2");
}

#[test]
fn a_redacted_text_has_names_in_the_place_of_secrets() {
    let token = "ghp_0123456789abcdef";
    let patterns = SecretPatterns::new([("TOKEN", token), ("KEY", "another secret")]).unwrap();
    let base64 = "Z2hwXzAxMjM0NTY3ODlhYmNkZWY=";
    let hex: String = token.bytes().map(|byte| format!("{byte:02X}")).collect();
    for (text, redacted) in [
        (format!("{token} and {token}{token}"), "(TOKEN) and (TOKEN)".to_owned()),
        (format!("ü{token}ü another secret"), "ü(TOKEN)ü (KEY)".to_owned()),
        (format!("hex {hex}."), "hex (TOKEN).".to_owned()),
    ] {
        assert_eq!(patterns.redact(&text), redacted, "{text}");
    }
    let encoded = patterns.redact(base64).into_owned();
    assert!(encoded.starts_with("(TOKEN)") && encoded.len() < 12, "{encoded}");
    assert!(matches!(patterns.redact("nothing of it"), std::borrow::Cow::Borrowed(_)));
    assert_eq!(SecretPatterns::default().redact(token), token);
}

#[test]
fn a_secret_within_another_one_leaves_nothing_of_it() {
    let patterns =
        SecretPatterns::new([("SHORT", "0123456789"), ("LONG", "abc0123456789xyz")]).unwrap();
    assert_eq!(patterns.redact("<abc0123456789xyz>"), "<(LONG)>");
    assert_eq!(patterns.redact("abc0123456789xy"), "abc(SHORT)xy");
}
