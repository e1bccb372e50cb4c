use super::{
    Heard::{ForgeComment, Operator, Session, TicketComment},
    Intent::{Remark, Status, Stop, Work},
    *,
};

#[track_caller]
fn check(rows: &[(Heard, &str, Intent)]) {
    for &(heard, text, expected) in rows {
        assert_eq!(intent(heard, text, &NAMES), expected, "{heard:?}: {text:?}");
    }
}

#[test]
fn s43_what_we_write_ourselves_speaks_to_nobody() {
    check(&[
        (TicketComment, "PatchRelay's status: implementing APP-7", Remark),
        (TicketComment, "## PatchRelay status\n\nImplementing since 10:04.", Remark),
        (TicketComment, "Started an implementation run on `patchrelay/APP-7`.", Remark),
        (ForgeComment, "Opened by PatchRelay for APP-7.", Remark),
        (ForgeComment, "Write `@patchrelay stop` to stop the run.", Remark),
    ]);
}

#[test]
fn s44_an_idle_issue_starts_a_run_only_for_what_is_asked_of_us() {
    check(&[
        (TicketComment, "nice work", Remark),
        (TicketComment, "@patchrelay what is the status?", Status),
        (TicketComment, "patchrelay please retry", Work),
        (Session, "how is it going?", Status),
        // The same where the other ones were said.
        (ForgeComment, "nice work", Remark),
        (Session, "nice work", Remark),
        (Operator, "nice work", Remark),
        (ForgeComment, "@patchrelay what is the status?", Status),
        (ForgeComment, "patchrelay please retry", Work),
        (TicketComment, "how is it going?", Remark),
        (Operator, "how is it going?", Status),
    ]);
}

#[test]
fn s70_to_continue_is_work_each_time_it_is_said() {
    check(&[
        (Session, "continue", Work),
        (Session, "Continue.", Work),
        (Operator, "continue", Work),
        (TicketComment, "@patchrelay continue", Work),
        (TicketComment, "continue", Remark),
    ]);
}

#[test]
fn a_comment_is_for_us_if_it_begins_with_our_name_or_mentions_it() {
    check(&[
        (TicketComment, "patchrelay, rename foo", Work),
        (TicketComment, "PatchRelay: rename foo", Work),
        (TicketComment, "  \n\tpatchrelay rename foo", Work),
        (TicketComment, "patchrelay\nrename foo", Work),
        (TicketComment, "hey patchrelay rename foo", Work),
        (TicketComment, "Hey, PatchRelay! Rename foo.", Work),
        (TicketComment, "patchrelay，rename foo", Work),
        (TicketComment, "Should be green now, @patchrelay", Work),
        (TicketComment, "(@PATCHRELAY) rename foo", Work),
        (TicketComment, "**@patchrelay** rename foo", Work),
        (TicketComment, "fix it, @patchrelay.", Work),
        (TicketComment, "@patchrelay's branch is behind", Work),
        (ForgeComment, "@patchrelay[bot] rename foo", Work),
        (ForgeComment, "请@patchrelay重试", Work),
        (
            TicketComment,
            "[@patchrelay](https://linear.app/acme/profiles/patchrelay) rename foo",
            Work,
        ),
        (TicketComment, "> rename foo?\n\npatchrelay yes", Work),
        (TicketComment, "run `make` and `make test`, @patchrelay", Work),
        (TicketComment, "run `make`, @patchrelay, and `make test`", Work),
        (TicketComment, "an odd ` and @patchrelay rename foo", Work),
        (TicketComment, "pat\u{200b}chrelay rename foo", Work),
        (TicketComment, "\u{feff}@\u{2060}patchrelay rename foo", Work),
    ]);
}

#[test]
fn a_comment_that_only_names_us_is_not_for_us() {
    check(&[
        (TicketComment, "rename foo", Remark),
        (TicketComment, "stop", Remark),
        (TicketComment, "what is the status?", Remark),
        (TicketComment, "ask patchrelay later", Remark),
        (TicketComment, "@patchrelayer rename foo", Remark),
        (TicketComment, "@patchrelay-bot rename foo", Remark),
        (TicketComment, "@patchrelay_two rename foo", Remark),
        (TicketComment, "@patchrelay/core rename foo", Remark),
        (TicketComment, "patchrelayer rename foo", Remark),
        (TicketComment, "patchrelay's tests are red", Remark),
        (TicketComment, "patchrelay-bin does not build", Remark),
        (TicketComment, "patchrelay.toml is wrong", Remark),
        (TicketComment, "heypatchrelay rename foo", Remark),
        (TicketComment, "hey patchrelayer rename foo", Remark),
        (TicketComment, "hey ada, patchrelay broke it", Remark),
        (TicketComment, "[patchrelay](https://example.org/patchrelay) broke it", Remark),
        (TicketComment, "\"patchrelay, stop\" is what you write", Remark),
        (TicketComment, "mail bot@patchrelay.dev or x@patchrelay", Remark),
        (TicketComment, "see https://example.org/@patchrelay for it", Remark),
        (TicketComment, "> @patchrelay stop\n\nDid that help?", Remark),
        (TicketComment, "```\n@patchrelay stop\n```\nis how", Remark),
        (TicketComment, "[@patchrelayer](https://example.org/@patchrelay) rename foo", Remark),
        (TicketComment, "@ patchrelay rename foo", Remark),
        (TicketComment, "", Remark),
    ]);
}

#[test]
fn names_are_what_the_caller_says() {
    let names = ["@Robo", "", "  ", "patchrelay-bot", "Code Robot"];
    for (text, expected) in [
        ("@robo stop", Stop),
        ("robo, stop", Stop),
        ("@patchrelay-bot stop", Stop),
        ("hey code robot, stop", Stop),
        ("@patchrelay stop", Remark),
        ("@ stop", Remark),
        (", stop", Remark),
    ] {
        assert_eq!(intent(TicketComment, text, &names), expected, "{text:?}");
    }
    assert_eq!(intent(TicketComment, "@patchrelay stop", &[]), Remark);
    assert_eq!(intent(Session, "stop", &[]), Stop);
}

#[test]
fn a_stop_is_nothing_but_a_stop() {
    check(&[
        (Session, "stop", Stop),
        (Session, "STOP!!!", Stop),
        (Session, "Stop now, please. Thanks!", Stop),
        (Session, "can you stop the run?", Stop),
        (Session, "Could you please pause?", Stop),
        (Session, "ok, cancel that", Stop),
        (Session, "@patchrelay stop", Stop),
        (Session, "stop, patchrelay", Stop),
        (Session, "**stop**", Stop),
        (Session, "stop！", Stop),
        (Session, "🛑 stop 🛑", Stop),
        (Session, "\u{200b}st\u{200d}op\u{feff}", Stop),
        (Session, "\u{3000}stop\u{a0}working\u{3000}", Stop),
        (Session, "stop stop stop", Stop),
        (Session, "Stop. What are you doing?", Stop),
        (Operator, "abort", Stop),
        (TicketComment, "patchrelay stop", Stop),
        (TicketComment, "hey patchrelay, please stop working on this ticket", Stop),
        (TicketComment, "hey patchrelay, please stop working on this", Stop),
        (ForgeComment, "@patchrelay[bot] halt", Stop),
        (ForgeComment, "please stop @patchrelay", Stop),
        (TicketComment, "[@patchrelay](https://linear.app/acme/profiles/patchrelay) stop", Stop),
        (Session, "stop using unwrap", Work),
        (Session, "don't stop", Work),
        (Session, "stop the timer when the window closes", Work),
        (Session, "cancel button does nothing", Work),
        (Session, "non-stop", Work),
        (Session, "Wrong branch, stop and rebase first", Work),
        (Session, "ｓｔｏｐ", Work),
        (TicketComment, "@patchrelay stop. Use the other endpoint.", Work),
    ]);
}

#[test]
fn what_people_tell_each_other_before_it_does_not_undo_a_stop() {
    check(&[
        (TicketComment, "I take it from here. @patchrelay stop", Stop),
        (TicketComment, "I take it from here\n\n@patchrelay please stop!", Stop),
        (TicketComment, "@patchrelay made it worse. @patchrelay stop", Stop),
        (TicketComment, "tell @patchrelay stop", Work),
        (TicketComment, "Rename foo. @patchrelay thanks", Work),
        (TicketComment, "Rename foo. @patchrelay status?", Work),
        (Session, "Rename foo. @patchrelay stop", Work),
    ]);
}

#[test]
fn a_question_about_progress_is_nothing_but_that() {
    check(&[
        (Session, "How's it going?", Status),
        (Session, "how’s it going", Status),
        (Session, "status?", Status),
        (Session, "Status", Status),
        (Session, "What's the status of the PR?", Status),
        (Session, "any updates on this, please?", Status),
        (Session, "any progress", Status),
        (Session, "Nice work! Are you done?", Status),
        (Session, "done yet?", Status),
        (Session, "Done?", Status),
        (Session, "update？", Status),
        (Session, "update, please?", Status),
        (Session, "ok, is it done? ETA?", Status),
        (Session, "hey patchrelay, where are you at with this?", Status),
        (Operator, "what are you doing now?", Status),
        (TicketComment, "patchrelay: eta?", Status),
        (ForgeComment, "any news, @patchrelay?", Status),
        (Session, "what is the status code for a missing page? use it", Work),
        (Session, "status code?", Work),
        (Session, "is it done in the other crate too? then do it here", Work),
        (Session, "done", Work),
        (Session, "update", Work),
        (Session, "can you update?", Work),
        (Session, "what are you doing about the flaky test", Work),
        (Session, "why is the build red?", Work),
        (Session, "hi hi hi hi hi hi hi hi hi hi hi status?", Status),
        (Session, "hi hi hi hi hi hi hi hi hi hi hi hi status?", Work),
    ]);
}

#[test]
fn praise_wants_nothing() {
    check(&[
        (Session, "Thanks!", Remark),
        (Session, "ok cool, thank you so much 🎉", Remark),
        (Session, "LGTM", Remark),
        (Session, "👍", Remark),
        (Session, "…", Remark),
        (Session, "???", Remark),
        (Session, "", Remark),
        (Session, " \u{200b}\n", Remark),
        (Session, "patchrelay", Remark),
        (TicketComment, "@patchrelay", Remark),
        (TicketComment, "@patchrelay 🚀", Remark),
        (TicketComment, "great job, @patchrelay!", Remark),
        (ForgeComment, "@patchrelay thanks for the quick fix", Remark),
        (ForgeComment, "nice work on this PR and thanks, @patchrelay", Remark),
        (Session, "perfect, merge it", Work),
        (Session, "[@patchrelay] [ok](foo.rs)", Work),
        (Session, "ok, go ahead", Work),
        (Session, "thanks, but rename foo", Work),
        (Session, "looks good?", Work),
        (Session, "yes", Work),
        (Session, "no thanks", Work),
        (Session, "2", Work),
        (Session, "please", Work),
        (Session, "ok, now please", Work),
        (ForgeComment, "> rename foo\n\n@patchrelay please", Work),
    ]);
}

#[test]
fn another_language_is_work() {
    check(&[
        (Session, "Bitte hör auf", Work),
        (Session, "danke", Work),
        (Session, "¿cómo va?", Work),
        (Session, "停止", Work),
        (Session, "спасибо", Work),
        (TicketComment, "@patchrelay bitte nochmal", Work),
        (TicketComment, "@patchrelay 停止", Work),
    ]);
}

#[test]
fn quotations_and_signatures_do_not_say_what_is_wanted() {
    check(&[
        (Session, "> stop\n\nrename foo", Work),
        (Session, "> rename foo\n> and bar\n\nstop", Stop),
        (Session, "> > rename foo\n\nthanks", Remark),
        (Session, "> rename foo", Remark),
        (Session, ">= 5 must be allowed", Work),
        (
            Session,
            "stop\r\n\r\nOn Mon, 3 Feb 2025 at 10:11, Ada\r\n<ada@example.org> wrote:\r\n\r\n> rename foo\r\n",
            Stop,
        ),
        (Session, "On Monday Ada wrote:\n> rename foo\n\nthanks", Remark),
        (Session, "what Ada wrote:\n> rename foo", Work),
        (Session, "On top of it rename foo\n> stop", Work),
        (Session, "On top, do what Ada wrote:", Work),
        (Session, "rename foo\nOn 3 Feb Ada wrote:\n> stop", Work),
        (Session, "status?\n\n-----Original Message-----\nrename foo", Status),
        (Session, "thanks\n\n-- \nAda Lovelace\nAcme Ltd.", Remark),
        (Session, "stop\n\n--\nAda Lovelace", Stop),
        (Session, "ok\n--\nrename foo", Work),
        (Session, "-- \nrename foo", Work),
        (Session, "stop\n\nSent from my iPhone", Stop),
        (Session, "ok\nsent from my account the form still fails", Work),
    ]);
}

#[test]
fn code_does_not_say_what_is_wanted_but_is_no_remark() {
    check(&[
        (Session, "status?\n```\nerror: rename foo\n```", Status),
        (Session, "~~~\nrename foo\n```\nbar\n~~~\nstop", Stop),
        (Session, "````\nrename foo\n```\n````\nstop", Stop),
        (Session, "~~~\nrename foo\n~~~rust\nbar\n~~~\nstop", Stop),
        (Session, "stop\n```text\n> never closed", Stop),
        (Session, "```rust\nstop\n```\nrename foo", Work),
        (Session, "```stop```", Stop),
        (Session, "```stop``` using it", Work),
        (Session, "```stop```\nrename foo", Work),
        (Session, "```\nerror: no such file\n```", Work),
        (Session, "```\n\n```", Remark),
        (ForgeComment, "@patchrelay\n```suggestion\nlet foo = 1;\n```", Work),
        (ForgeComment, "thanks @patchrelay\n```suggestion\nlet foo = 1;\n```", Work),
        (ForgeComment, "thanks\n```suggestion\nlet foo = 1;\n```", Remark),
    ]);
}

#[test]
fn only_the_first_of_many_words_are_looked_at() {
    let quoted = "> rename foo\n".repeat(1_000);
    let pasted = format!("```\n{}```\n", "rename foo\n".repeat(1_000));
    let blank = " ".repeat(3_000);
    let room = own::MAX_CHARS - "stop".len();
    let exactly = format!("stop{}", "!".repeat(room));
    check(&[
        // What is not their own takes no room.
        (Session, &format!("{quoted}{pasted}stop"), Stop),
        (Session, &format!("{blank}stop{blank}\n{quoted}"), Stop),
        (Session, &exactly, Stop),
        // What is not seen may be an instruction.
        (Session, &format!("{exactly}!"), Work),
        (Session, &format!("{exactly}\nrename foo"), Work),
        (Session, &format!("thanks{blank}rename foo"), Work),
        (TicketComment, &format!("@patchrelay{blank}stop"), Work),
        (TicketComment, &format!("{exactly}\n@patchrelay stop"), Remark),
        // A character is not a byte.
        (Session, &format!("stop{}", "！".repeat(room)), Stop),
    ]);
}

#[test]
fn no_text_is_too_strange() {
    for piece in
        ["[@", "@", "`", "](", "\u{301}", "İ", "@patchrelay", ">", "~~~", "--\n", "wrote:\n>"]
    {
        for count in [1, 2, 3, 5_000] {
            for heard in [Session, TicketComment, ForgeComment, Operator] {
                let text = piece.repeat(count);
                let found = intent(heard, &text, &NAMES);
                assert!(
                    matches!(found, Work | Remark),
                    "{heard:?}: {piece:?} {count} times: {found:?}"
                );
            }
        }
    }
}

#[test]
fn where_we_heard_it_is_stored_in_snake_case() {
    let stored = serde_json::to_string(&[Session, TicketComment, ForgeComment, Operator]).unwrap();
    assert_eq!(stored, r#"["session","ticket_comment","forge_comment","operator"]"#);
}
