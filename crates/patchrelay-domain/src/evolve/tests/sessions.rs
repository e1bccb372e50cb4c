//! What is said in a session is a comment too, and the tracker tells of both.

use super::*;
use crate::{
    Actor, Heard, TrustedActors,
    fixture::{edited, member, said},
};

/// A session that grew out of the comment `c1`.
fn mentioned(prompt: Option<&str>) -> ObservationKind {
    ObservationKind::SessionOpened {
        session: SessionId::new("s2"),
        prompt: prompt.map(str::to_owned),
        author: Some(member()),
        opened: Some(at(6_000)),
        comments: vec!["root".to_owned(), "c1".to_owned()],
    }
}

const WORDS: &str = "@patchrelay please add a test";

#[test]
fn a_comment_below_a_session_is_news_only_when_it_is_edited() {
    let facts = then(delegated(), 6_000, [mentioned(None)]);
    let heard =
        |facts: &IssueFacts, parent, is_edit| facts.heard_of_comment("c9", parent, false, is_edit);
    for parent in ["root", "c1"] {
        assert_eq!(heard(&facts, Some(parent), false), None, "the session tells of it");
        assert_eq!(heard(&facts, Some(parent), true), Some(Heard::Session));
    }
    for (parent, is_edit) in [(None, false), (None, true), (Some("c8"), false)] {
        assert_eq!(heard(&facts, parent, is_edit), Some(Heard::TicketComment));
    }
    assert_eq!(facts.heard_of_comment("c1", None, false, false), None, "the comment itself");
    let surely = |is_edit| delegated().heard_of_comment("c9", None, true, is_edit);
    assert_eq!((surely(false), surely(true)), (None, Some(Heard::Session)));
}

#[test]
fn a_comment_that_opens_a_session_counts_once_in_whatever_order_both_come() {
    let comment = || said("c1", 5_990, Heard::TicketComment, WORDS);
    let comment_first = then(delegated(), 6_000, [comment(), mentioned(Some(WORDS))]);
    assert_eq!(comment_first.pending.len(), 1);
    assert!(comment_first.sessions.contains(&SessionId::new("s2")));
    let at_work = then(delegated(), 6_000, [comment()]);
    let claim = claimed(&at_work, "r1");
    let at_work = then(at_work, 6_500, [claim, mentioned(Some(WORDS))]);
    assert!(at_work.pending.is_empty(), "the run has taken it up");

    let session_first = then(delegated(), 6_000, [mentioned(Some(WORDS))]);
    assert_eq!(session_first.pending.len(), 1);
    assert_eq!(session_first.heard_of_comment("c1", None, false, false), None);
}

#[test]
fn a_prompt_that_was_taken_up_as_a_comment_is_no_second_one() {
    let comment = said("c5", 5_990, Heard::TicketComment, WORDS);
    let prompt = said("c5", 6_010, Heard::Session, WORDS);
    let waiting = then(delegated(), 6_000, [comment.clone(), prompt.clone()]);
    assert_eq!(waiting.pending.len(), 1);
    let at_work = then(delegated(), 6_000, [comment]);
    let claim = claimed(&at_work, "r1");
    let at_work = then(at_work, 6_500, [claim, prompt]);
    assert!(at_work.pending.is_empty());
    let other = edited("c5", 7_000, Heard::Session, "Please add two tests.");
    assert_eq!(then(at_work, 7_000, [other]).pending.len(), 1, "other words are said once more");
}

#[test]
fn an_edit_of_what_opened_a_session_takes_its_place() {
    let facts = then(delegated(), 6_000, [mentioned(Some(WORDS))]);
    let facts = then(facts, 7_000, [edited("c1", 7_000, Heard::Session, "Rather document it.")]);
    let texts: Vec<_> = facts.pending.iter().map(|input| input.text.as_str()).collect();
    assert_eq!(texts, ["Rather document it."]);
}

/// What was said in it may come first.
#[test]
fn a_session_that_is_known_already_still_brings_its_prompt() {
    let silent = then(delegated(), 6_000, [mentioned(None)]);
    let facts = then(silent.clone(), 7_000, [mentioned(Some(WORDS))]);
    assert_eq!((facts.pending.len(), facts.sessions.len()), (1, silent.sessions.len()));
    assert_eq!(evolved(&facts, mentioned(None)), Evolved::Unchanged);
    assert_ne!(mentioned(None).occurrence(), mentioned(Some(WORDS)).occurrence());
}

#[test]
fn who_opens_a_session_is_known_by_id_and_by_email() {
    let opened_by = |actor: Actor| {
        let trusted =
            TrustedActors { emails: vec!["ada@acme.test".to_owned()], ..TrustedActors::default() };
        let policy = Policy { trusted, ..Policy::default() };
        let kind = match mentioned(Some(WORDS)) {
            ObservationKind::SessionOpened { session, prompt, opened, comments, .. } => {
                let author = Some(actor);
                ObservationKind::SessionOpened { session, prompt, author, opened, comments }
            }
            other => other,
        };
        match evolve(&policy, &delegated(), &observation(6_000, kind)) {
            Evolved::Changed(facts) => facts.pending.len(),
            Evolved::Unchanged => 0,
        }
    };
    let email = |email: &str| Actor { email: Some(email.to_owned()), ..member() };
    assert_eq!(opened_by(email("ada@acme.test")), 1);
    assert_eq!(opened_by(email("eve@acme.test")), 0);
    assert_eq!(opened_by(member()), 0);
}

#[test]
fn who_opened_a_session_is_read_from_what_the_first_programs_stored() {
    let stored = r#"{"kind":"session_opened","session":"s1","prompt":null,"author":"user-1"}"#;
    let ObservationKind::SessionOpened { author, comments, .. } =
        serde_json::from_str(stored).unwrap()
    else {
        panic!()
    };
    assert_eq!(author.map(|author| author.id).as_deref(), Some("user-1"));
    assert!(comments.is_empty());
    let stored = stored.replace("\"user-1\"", "null");
    let kind = serde_json::from_str::<ObservationKind>(&stored).unwrap();
    assert!(matches!(kind, ObservationKind::SessionOpened { author: None, .. }));
}

#[test]
fn remembered_threads_are_bounded() {
    let opened = |n: i64| ObservationKind::SessionOpened {
        session: SessionId::new(format!("s{n}")),
        prompt: None,
        author: None,
        opened: Some(at(n)),
        comments: vec![format!("a{n}"), format!("b{n}")],
    };
    let facts = after((1..=70).map(opened));
    let threads = &facts.threads_of_sessions;
    assert_eq!((threads.len(), threads[0].as_str(), threads[127].as_str()), (128, "a7", "b70"));
}
