use super::{
    Standing::{Member, Operator, Ourselves, Outsider, Program, Writer},
    *,
};

const ALL: [Standing; 6] = [Operator, Member, Writer, Outsider, Ourselves, Program];

fn actor(standing: Standing) -> Actor {
    Actor {
        id: "u-7".to_owned(),
        name: Some("ada".to_owned()),
        email: Some("ada@acme.com".to_owned()),
        standing,
    }
}

fn list(ids: &[&str], emails: &[&str], email_domains: &[&str]) -> TrustedActors {
    let owned = |list: &[&str]| list.iter().copied().map(str::to_owned).collect();
    TrustedActors {
        ids: owned(ids),
        emails: owned(emails),
        email_domains: owned(email_domains),
        programs: Vec::new(),
    }
}

/// Who may instruct us, of one actor of each standing.
fn allowed(trusted: &TrustedActors) -> Vec<Standing> {
    ALL.into_iter().filter(|&standing| may_instruct(trusted, &actor(standing))).collect()
}

#[test]
fn who_may_instruct_depends_on_standing_and_list() {
    let cases: [(&str, TrustedActors, &[Standing]); 8] = [
        ("none", TrustedActors::default(), &[Operator, Member, Writer]),
        ("the id", list(&["u-7"], &[], &[]), &[Operator, Member, Writer, Outsider]),
        (
            "the id of a program",
            TrustedActors { programs: vec!["u-7".to_owned()], ..TrustedActors::default() },
            &[Operator, Member, Writer, Program],
        ),
        ("the e-mail", list(&[], &["ada@acme.com"], &[]), &[Operator, Member, Writer, Outsider]),
        ("the domain", list(&[], &[], &["acme.com"]), &[Operator, Member, Writer, Outsider]),
        ("others", list(&["u-8"], &["bob@acme.com"], &["acme.org"]), &[Operator]),
        ("the name", list(&["ada"], &["ada"], &["ada"]), &[Operator]),
        ("a blank", list(&[""], &[], &[]), &[Operator]),
    ];
    for (name, trusted, expected) in cases {
        assert_eq!(allowed(&trusted), expected, "listed: {name}");
    }
}

#[test]
fn any_list_closes_the_door_for_who_is_not_listed() {
    for trusted in [list(&["x"], &[], &[]), list(&[], &["x@y"], &[]), list(&[], &[], &["y"])] {
        assert_eq!(allowed(&trusted), [Operator], "{trusted:?}");
    }
}

#[test]
fn an_id_counts_to_the_letter_and_never_blank() {
    for (listed, id, expected) in [
        ("u-7", "u-7", true),
        ("u-7", "U-7", false),
        ("u-7", "u-7 ", false),
        ("u-7", "u-70", false),
        ("", "", false),
        ("  ", "  ", false),
    ] {
        let actor = Actor { id: id.to_owned(), email: None, ..actor(Member) };
        assert_eq!(may_instruct(&list(&[listed], &[], &[]), &actor), expected, "{listed:?} {id:?}");
    }
}

#[test]
fn an_email_counts_whole() {
    for (listed, email, expected) in [
        ("ada@acme.com", "ada@acme.com", true),
        (" Ada@ACME.com ", "aDA@acme.COM", true),
        ("ada@acme.com", " ada@acme.com ", true),
        ("ada@acme.com", "bada@acme.com", false),
        ("ada@acme.com", "ada@acme.com.evil", false),
        ("ada@acme.com", "ada@evil@acme.com", false),
        ("ada@evil@acme.com", "ada@evil@acme.com", false),
        ("ada", "ada", false),
        ("", "", false),
        (" ", " ", false),
        ("@", "@", false),
        ("@acme.com", "@acme.com", false),
        ("ada@", "ada@", false),
        ("ada@acme.com", "ada@acme.com\n", false),
        ("ada@acme.com", "ada\0@acme.com", false),
        ("a\0@acme.com", "a\0@acme.com", false),
        ("a\u{200b}@acme.com", "a\u{200b}@acme.com", false),
        ("a b@acme.com", "a b@acme.com", false),
        // The Kelvin sign is a `k` in lower case, and another mailbox.
        ("kim@acme.com", "\u{212a}im@acme.com", false),
    ] {
        let actor = Actor { email: Some(email.to_owned()), ..actor(Member) };
        let found = may_instruct(&list(&[], &[listed], &[]), &actor);
        assert_eq!(found, expected, "{listed:?} {email:?}");
    }
}

#[test]
fn a_domain_is_what_follows_the_last_at_and_all_of_it() {
    for (listed, email, expected) in [
        ("acme.com", "ada@acme.com", true),
        (" ACME.com ", "ada@Acme.COM", true),
        ("acme.com", "ada@evil-acme.com", false),
        ("acme.com", "ada@dev.acme.com", false),
        ("acme.com", "ada@acme.com.evil", false),
        ("acme.com", "acme.com@evil", false),
        ("acme.com", "ada@acme.com@evil", false),
        ("acme.com", "ada@evil@acme.com", false),
        ("acme.com", "\"ada@evil\"@acme.com", false),
        ("acme.com", "acme.com", false),
        ("acme.com", "@acme.com", false),
        ("acme.com", "ada@acme.com\r\n", false),
        ("acme.com", "ada@\u{202e}acme.com", false),
        ("acme.com", "ada@evil acme.com", false),
        ("@acme.com", "ada@acme.com", false),
        ("*.com", "ada@acme.com", false),
        ("com", "ada@acme.com", false),
        ("", "ada@", false),
        ("", "ada@acme.com", false),
        (" ", "ada@ ", false),
    ] {
        let actor = Actor { email: Some(email.to_owned()), ..actor(Member) };
        let found = may_instruct(&list(&[], &[], &[listed]), &actor);
        assert_eq!(found, expected, "{listed:?} {email:?}");
    }
}

#[test]
fn who_has_no_email_matches_none() {
    let actor = Actor { email: None, ..actor(Member) };
    assert!(!may_instruct(&list(&[], &["ada@acme.com"], &["acme.com"]), &actor));
}

#[test]
fn a_text_is_worth_what_its_author_may() {
    let worth = |trusted: &TrustedActors| ALL.map(|standing| trust_of(trusted, &actor(standing)));
    assert_eq!(
        worth(&TrustedActors::default()),
        [
            Trust::Member,
            Trust::Member,
            Trust::Member,
            Trust::Unknown,
            Trust::Unknown,
            Trust::Machine
        ]
    );
    assert_eq!(
        worth(&list(&["u-7"], &[], &[])),
        [
            Trust::Member,
            Trust::Member,
            Trust::Member,
            Trust::Member,
            Trust::Unknown,
            Trust::Machine
        ]
    );
    let programs = vec!["u-7".to_owned()];
    let bot = TrustedActors { programs, ..TrustedActors::default() };
    assert_eq!(worth(&bot)[5], Trust::Member);
    assert_eq!(
        worth(&list(&["u-8"], &[], &[])),
        [
            Trust::Member,
            Trust::Unknown,
            Trust::Unknown,
            Trust::Unknown,
            Trust::Unknown,
            Trust::Machine
        ]
    );
}

#[test]
fn who_has_no_name_is_shown_by_id() {
    for (name, shown) in [(Some("Ada"), "Ada"), (Some(" "), "u-7"), (None, "u-7")] {
        let actor = Actor { name: name.map(str::to_owned), ..actor(Member) };
        assert_eq!(actor.shown(), shown, "{name:?}");
    }
}

#[test]
fn it_is_stored_in_snake_case() {
    let stored = serde_json::to_string(&ALL).unwrap();
    assert_eq!(stored, r#"["operator","member","writer","outsider","ourselves","program"]"#);
    let stored = r#"{"id":"u-7","name":"ada","email":"ada@acme.com","standing":"outsider"}"#;
    assert_eq!(serde_json::from_str::<Actor>(stored).unwrap(), actor(Outsider));
    assert_eq!(serde_json::to_string(&actor(Outsider)).unwrap(), stored);
}
