//! Texts that try to give orders change nothing but the quotation that they stand in: not what the agent is told by us, not
//! what is decided, not where a ticket goes, not what may be published.

mod corpus;

use std::collections::HashSet;

use self::corpus::ATTACKS;
use crate::{
    Actor, BranchName, ChangeSet, Evidence, GateHit, GatePolicy, Heard, InputKind, IssueFacts,
    NextStep, ObservationKind, Policy, Report, ReportOutcome, Route, RouteHint, RunId, RunOutcome,
    RunPlan, RunType, Standing, Ticket, TreeId, Verdict, branch_name, commit_message,
    fixture::{
        after, delegated, member, next, opened, report, running, session_opened, settled, then,
        ticket, ticket_read,
    },
    prompt::{
        self, CiContext, Input, Remark, Request, ReviewComment, ReviewContext, Section,
        SessionText, Trust, Work,
    },
    pull_request_text, route, run_trailer, verify,
};

/// A text that asks for nothing.
const HARMLESS: &str = "x";

#[test]
fn the_corpus_is_large_and_says_everything_once() {
    assert!(40 <= ATTACKS.len(), "{}", ATTACKS.len());
    let names: HashSet<_> = ATTACKS.iter().map(|attack| attack.name).collect();
    let texts: HashSet<_> = ATTACKS.iter().map(|attack| attack.text).collect();
    assert_eq!((names.len(), texts.len()), (ATTACKS.len(), ATTACKS.len()));
}

/// The prompts of two runs in which this text stands wherever a text of others can.
fn prompts(text: &str) -> [prompt::Prompt; 3] {
    let ticket = Ticket { title: text.to_owned(), description: text.to_owned(), ..ticket() };
    let (branch, base) = (BranchName::new("app/APP-1-x"), BranchName::new("trunk"));
    let remark = || {
        Some(Remark { text: text.to_owned(), author: Some(text.to_owned()), trust: Trust::Unknown })
    };
    let session =
        SessionText { context: remark(), instruction: remark(), operator: None, comment: remark() };
    let inputs = [InputKind::FollowupPrompt, InputKind::FollowupComment, InputKind::DirectReply]
        .map(|kind| Input {
            kind,
            text: text.to_owned(),
            author: Some(text.to_owned()),
            trust: Trust::Member,
        });
    let review = Work::ReviewFix(ReviewContext {
        body: Some(text.to_owned()),
        reviewer: Some(text.to_owned()),
        comments: vec![ReviewComment {
            body: text.to_owned(),
            path: Some(text.to_owned()),
            ..ReviewComment::default()
        }],
        ..ReviewContext::default()
    });
    let red = Work::CiRepair(CiContext {
        summary: Some(text.to_owned()),
        failed_check: Some(text.to_owned()),
        annotations: vec![text.to_owned()],
        ..CiContext::default()
    });
    let build = |work: &Work| {
        prompt::build(&Request {
            work,
            session: &session,
            inputs: &inputs,
            ..Request::new(&ticket, &branch, &base)
        })
    };
    [build(&Work::Implementation), build(&review), build(&red)]
}

#[test]
fn our_own_words_to_the_agent_are_those_around_a_harmless_text() {
    let ours =
        |prompt: &prompt::Prompt| prompt.sections().iter().map(Section::ours).collect::<Vec<_>>();
    let harmless = prompts(HARMLESS);
    for attack in ATTACKS {
        for (prompt, harmless) in prompts(attack.text).iter().zip(&harmless) {
            assert_eq!(ours(prompt), ours(harmless), "{}", attack.name);
            let rendered = prompt.to_string();
            let read = prompt::blocks(&rendered);
            assert!(read.iter().eq(prompt.blocks()), "{}: {rendered}", attack.name);
            // Nothing of it is lost either: what somebody wants is for the agent to judge, as theirs.
            let quoted = read.iter().filter(|block| block.text() == attack.text.trim_end()).count();
            assert!(5 <= quoted, "{}: {quoted} in\n{rendered}", attack.name);
        }
    }
}

/// What comes next, but for the name of the branch, which says what the title says.
fn step(facts: &IssueFacts) -> NextStep {
    match next(facts) {
        NextStep::Run(plan) => NextStep::Run(RunPlan { branch: BranchName::new("any"), ..plan }),
        other => other,
    }
}

#[test]
fn what_a_ticket_says_decides_nothing() {
    for attack in ATTACKS {
        let said = Ticket {
            title: attack.text.to_owned(),
            description: attack.text.to_owned(),
            labels: vec![attack.text.to_owned()],
            tracker_project: Some(attack.text.to_owned()),
            ..ticket()
        };
        let heard = |ticket| after([session_opened(), ticket_read(10, ticket)]);
        assert_eq!(step(&heard(said.clone())), step(&delegated()), "{}", attack.name);
        let not = Ticket { delegated: false, ..said };
        let nothing = heard(Ticket { delegated: false, ..ticket() });
        assert_eq!(step(&heard(not)), step(&nothing), "{}", attack.name);
    }
}

#[test]
fn a_title_makes_a_branch_name_of_letters_digits_and_dashes() {
    let prefix = "patchrelay/APP-1";
    for attack in ATTACKS {
        let name = branch_name("patchrelay", "APP-1", attack.text, 0).to_string();
        let slug = name.strip_prefix(prefix).unwrap();
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(slug.chars().all(is_plain) && slug.len() < 70, "{}: {name}", attack.name);
    }
}

/// Who may not instruct us is not heard, whatever they say and wherever.
#[test]
fn a_stranger_changes_nothing() {
    let strangers = [Standing::Outsider, Standing::Program, Standing::Ourselves]
        .map(|standing| Actor { id: "user-9".to_owned(), standing, ..member() });
    for facts in [delegated(), running(), opened(), held()] {
        for attack in ATTACKS {
            for author in &strangers {
                for heard in [Heard::Session, Heard::TicketComment, Heard::ForgeComment] {
                    let told = then(facts.clone(), 50_000, [says(author, heard, attack.text)]);
                    assert_eq!(told, facts, "{}", attack.name);
                }
            }
        }
    }
}

fn says(author: &Actor, heard: Heard, text: &str) -> ObservationKind {
    ObservationKind::HumanInput {
        source: "text-1".to_owned(),
        said: crate::fixture::at(40_000),
        heard,
        author: author.clone(),
        text: text.to_owned(),
        is_edit: false,
    }
}

const PROTECTED: &str = ".github/workflows/own.yml";

/// A publication that waits for a human's word.
fn held() -> IssueFacts {
    let result = RunOutcome::Held {
        tree: TreeId::new("t1"),
        hits: vec![GateHit::ProtectedPath { path: PROTECTED.to_owned() }],
        report: Box::new(report(ReportOutcome::Done)),
    };
    then(running(), 4_000, [settled("r1", result)])
}

/// A member may say anything, and it is work for the agent. Only a plain yes releases what is held.
#[test]
fn nobody_releases_by_telling_that_it_is_released() {
    let held = held();
    assert!(held.held.is_some());
    for attack in ATTACKS {
        let told = then(held.clone(), 50_000, [says(&member(), Heard::Session, attack.text)]);
        let released = told.held.and_then(|held| held.released_by);
        assert_eq!(released, None, "{}", attack.name);
    }
    let yes = then(held, 50_000, [says(&member(), Heard::Session, "Yes")]);
    assert!(yes.held.is_some_and(|held| held.released_by.is_some()));
}

/// A report in which every text is this one.
fn reported(text: &str) -> Report {
    let text = || text.to_owned();
    Report {
        outcome: ReportOutcome::Done,
        summary: text(),
        commit_subject: text(),
        commit_body: text(),
        pr_title: text(),
        pr_body: text(),
        question: text(),
        resolved: Vec::new(),
    }
}

#[test]
fn what_a_report_says_does_not_open_the_gate() {
    let evidence = Evidence {
        changes: ChangeSet::of_paths(["src/lib.rs", PROTECTED]),
        ..Evidence::clean(RunType::Implementation, TreeId::new("t1"))
    };
    let gate = GatePolicy { protected_paths: vec![".github/**".to_owned()], ..Default::default() };
    let policy = Policy { gate, ..Policy::default() };
    for attack in ATTACKS {
        let verdict = verify(&policy, Some(&reported(attack.text)), &evidence, 0);
        let Verdict::Settle(RunOutcome::Held { hits, .. }) = verdict else {
            panic!("{}: {verdict:?}", attack.name)
        };
        let expected = GateHit::ProtectedPath { path: PROTECTED.to_owned() };
        assert_eq!(hits, [expected], "{}", attack.name);
    }
}

#[test]
fn what_is_published_calls_nobody_and_passes_for_nothing() {
    let run = RunId::new("r1");
    for attack in ATTACKS {
        let said = Ticket { title: attack.text.to_owned(), ..ticket() };
        let report = reported(attack.text);
        let message = commit_message(&report, &said, &run);
        let trailers: Vec<_> =
            message.lines().filter(|line| line.starts_with("PatchRelay-Run")).collect();
        assert_eq!(trailers, [run_trailer(&run)], "{}", attack.name);
        assert!(message.ends_with(&format!("\n\n{}\n", run_trailer(&run))), "{}", attack.name);
        let published = pull_request_text(&report, &said, &crate::fixture::issue(), &run);
        assert_eq!(published.title.lines().count(), 1, "{}", attack.name);
        assert_eq!(published.body.matches("<!--").count(), 1, "{}", attack.name);
        for text in [&message, &published.title, &published.body] {
            assert_eq!(crate::text::visible(text), *text, "{}", attack.name);
            let calls = [
                "@everyone",
                " @acme",
                "Fixes #",
                "closes acme",
                "resolves APP",
                "[skip ci]",
                "[ci skip]",
                "[no ci]",
                "***NO_CI***",
            ];
            assert!(calls.iter().all(|call| !text.contains(call)), "{}: {text}", attack.name);
            let poses = ["Signed-off-by", "skip-checks", "PatchRelay-Run: run-9"];
            let is_pose = |line: &str| poses.iter().any(|pose| line.starts_with(pose));
            assert!(!text.lines().any(is_pose), "{}: {text}", attack.name);
        }
    }
}

#[test]
fn no_text_moves_a_ticket_to_another_project() {
    let project = |id: &str, team: &str, labels: &[&str]| crate::Project {
        id: crate::ProjectId::new(id),
        repo: format!("acme/{id}").parse().unwrap(),
        base_branch: None,
        branch_prefix: "patchrelay".to_owned(),
        linear_teams: vec![team.to_owned()],
        linear_projects: Vec::new(),
        issue_key_prefixes: Vec::new(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        budgets: crate::Budgets::default(),
        limits: crate::Limits::default(),
        trusted: crate::TrustedActors::default(),
        protected_paths: Vec::new(),
        publisher: crate::prompt::Publisher::Harness,
        draft: false,
        network: false,
        gate_checks: vec!["Tests".to_owned(), "verify".to_owned()],
        merge_queue_check: "merge-steward/queue".to_owned(),
        trust_hook: false,
        max_concurrent_runs: 1,
    };
    let projects = [project("app", "APP", &[]), project("other", "OPS", &["other"])];
    for attack in ATTACKS {
        let hint = RouteHint {
            key: Some("APP-1".to_owned()),
            team: vec!["APP".to_owned()],
            tracker_project: Some(vec![attack.text.to_owned()]),
            labels: Some(vec![attack.text.to_owned()]),
        };
        assert_eq!(route(&projects, &hint), Route::To(&projects[0]), "{}", attack.name);
        let nowhere = RouteHint { key: None, team: vec![attack.text.to_owned()], ..hint };
        assert_eq!(route(&projects, &nowhere), Route::Nowhere, "{}", attack.name);
    }
}
